"""What docker/minio/init.sh tells MinIO to do."""

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline.storage import layout

INIT = Path(__file__).parents[2] / "docker" / "minio" / "init.sh"


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_init_script_is_a_valid_script(shell: str) -> None:
    subprocess.run([shell, "-n", str(INIT)], check=True)


# The image brings mc; here a stand-in writes down what it is asked, and fails where it is told to.
_MC = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$RECORD/arguments"
case $1-$2 in
alias-set | ilm-rule) cat >"$RECORD/$1-stdin" ;;
admin-user) cat >"$RECORD/user-stdin" ;;
admin-policy) [ "$3" = attach ] || cat "$6" >"$RECORD/policy.json" ;;
esac
case $* in "$MC_FAILS_AT"*) echo 'mc: <ERROR> as told' >&2; exit 1 ;; esac
"""
_ENVIRONMENT = {
    "MINIO_URL": "http://minio:9000",
    "MINIO_ROOT_USER": "the-root",
    "MINIO_ROOT_PASSWORD": "password-of-the-root",
    "AWS_ACCESS_KEY_ID": "the-pipeline",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-pipeline",
    "DANDELION_BUCKET": "photos",
    "DANDELION_KEEP_OLD_VERSIONS_DAYS": "7",
    "MC_FAILS_AT": "nowhere",
}
_STEPS = [
    "alias set store http://minio:9000",
    "mb --ignore-existing store/photos",
    "version enable store/photos",
    "ilm rule import store/photos",
    "admin policy create store photos-pipeline",
    "admin user add store",
    "admin policy attach store photos-pipeline --user the-pipeline",
]


@dataclass(frozen=True)
class Container:
    """A PATH that has only what MinIO's image has, and the record of what mc was asked."""

    folder: Path

    def run_init(self, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("sh") or "/bin/sh", str(INIT)],
            env={
                "PATH": str(self.folder / "bin"),
                "TMPDIR": str(self.folder / "tmp"),
                "RECORD": str(self.folder),
                **_ENVIRONMENT,
                **changes,
            },
            check=False,
            capture_output=True,
            text=True,
        )

    def asked(self) -> list[str]:
        record = self.folder / "arguments"
        return record.read_text().splitlines() if record.exists() else []


@pytest.fixture
def container(tmp_path: Path) -> Container:
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    for name in ("cat", "mktemp", "rm"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or os.devnull)
    mc = tmp_path / "bin" / "mc"
    mc.write_text(_MC)
    mc.chmod(mc.stat().st_mode | stat.S_IXUSR)
    return Container(tmp_path)


def test_init_makes_the_bucket_then_its_rules_then_the_user(container: Container) -> None:
    ended = container.run_init()
    assert ended.returncode == 0, ended.stderr
    asked = container.asked()
    assert len(asked) == len(_STEPS)
    assert all(line.startswith(step) for line, step in zip(asked, _STEPS, strict=True)), asked
    assert "photos is ready" in ended.stdout


def test_init_can_run_again(container: Container) -> None:
    assert [container.run_init().returncode for _ in range(2)] == [0, 0]
    assert len(container.asked()) == 2 * len(_STEPS)


def test_init_leaves_keys_neither_in_arguments_nor_in_files(container: Container) -> None:
    container.run_init()
    assert not re.search("password-of|secret-of", "".join(container.asked()))
    assert (container.folder / "alias-stdin").read_text() == "the-root\npassword-of-the-root\n"
    assert (container.folder / "user-stdin").read_text() == (
        "the-pipeline\nsecret-of-the-pipeline\n"
    )
    assert not list((container.folder / "tmp").iterdir())


def test_old_versions_go_after_as_many_days_as_were_asked(container: Container) -> None:
    container.run_init(DANDELION_KEEP_OLD_VERSIONS_DAYS="90")
    rule, checkpoints = json.loads((container.folder / "ilm-stdin").read_text())["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert "Days" not in rule["Expiration"]  # that would delete what is live
    assert checkpoints["Filter"] == {"Prefix": layout.CHECKPOINTS}
    assert checkpoints["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "Expiration" not in checkpoints


def test_the_pipeline_gets_one_bucket_and_cannot_delete_for_good(container: Container) -> None:
    container.run_init()
    statements = json.loads((container.folder / "policy.json").read_text())["Statement"]
    for statement in statements:
        for resource in statement["Resource"]:
            assert resource in {"arn:aws:s3:::photos", "arn:aws:s3:::photos/*"}
    allowed = {a for s in statements if s["Effect"] == "Allow" for a in s["Action"]}
    denied = {a for s in statements if s["Effect"] == "Deny" for a in s["Action"]}
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} <= allowed
    assert not [a for a in allowed if "*" in a or "Version" in a or a.startswith("s3:PutBucket")]
    assert denied == {"s3:DeleteObjectVersion"}


@pytest.mark.parametrize("step", _STEPS)
def test_init_stops_where_mc_fails_and_says_what_to_do(container: Container, step: str) -> None:
    ended = container.run_init(MC_FAILS_AT=step)
    assert ended.returncode == 1
    assert re.search(r"^error: .+\n   do: .+$", ended.stderr, re.MULTILINE), ended.stderr
    assert container.asked()[-1].startswith(step)
    assert "is ready" not in ended.stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "the-root"),
        ("AWS_ACCESS_KEY_ID", "me"),
        ("AWS_SECRET_ACCESS_KEY", "short"),
        ("DANDELION_BUCKET", 'x"}'),
        ("DANDELION_BUCKET", "Photos"),
        ("DANDELION_KEEP_OLD_VERSIONS_DAYS", "0"),
        ("DANDELION_KEEP_OLD_VERSIONS_DAYS", "a month"),
    ],
)
def test_init_names_a_bad_setting_before_it_touches_anything(
    container: Container, variable: str, value: str
) -> None:
    ended = container.run_init(**{variable: value})
    assert ended.returncode == 1
    assert f"error: {variable} is " in ended.stderr
    assert not container.asked()


@pytest.mark.parametrize("variable", sorted(set(_ENVIRONMENT) - {"MC_FAILS_AT"}))
def test_init_names_a_variable_that_is_empty(container: Container, variable: str) -> None:
    ended = container.run_init(**{variable: ""})
    assert ended.returncode != 0
    assert variable in ended.stderr
    assert not container.asked()
