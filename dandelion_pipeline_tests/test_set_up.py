"""Setting up: the Makefile, the lock files, what pip was told, and the hooks before a commit."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
HANDED_ON = REQUIREMENTS / "with_pip_settings.py"
MAKEFILE = (ROOT / "Makefile").read_text()
RUNNING_EXTRAS = ("pipeline", "serving", "webapp", "mlflow", "s3-server", "dg")


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, even if the tests were started by another make."""
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", f"--directory={folder}", "--no-print-directory", "PYTHON=python3", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """A work folder in which nothing is set up."""
    shutil.copytree(REQUIREMENTS, tmp_path / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name, maxsplit=1)[0]).lower()


def locked(name: str) -> dict[str, set[str]]:
    """Of a lock file: each release, as name==version, and its hashes."""
    releases: dict[str, set[str]] = {}
    release = ""
    for line in (REQUIREMENTS / name).read_text().splitlines():
        if not line.startswith(" "):
            package, _, version = line.partition("==")
            release = f"{canonical(package)}=={version.split()[0]}"
        releases.setdefault(release, set()).update(re.findall(r"--hash=(\S+)", line))
    return releases


def packages(name: str) -> set[str]:
    return {release.split("==")[0] for release in locked(name)}


def extra(name: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {canonical(each) for each in project["optional-dependencies"][name]}


def test_make_alone_prints_a_help_that_fits_a_screen() -> None:
    lines = make().stdout.splitlines()
    assert 10 < len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_the_help_names_every_target() -> None:
    shown = make().stdout
    targets = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    assert [each for each in targets if each != "help" and each not in shown] == []


@pytest.mark.parametrize("target", ["run", "up"])
def test_what_runs_the_pipeline_sets_up_no_test_tools(target: str, empty_folder: Path) -> None:
    planned = make("--dry-run", target, folder=empty_folder).stdout
    assert "-r requirements/run.txt" in planned
    assert "-r requirements/dev.txt" not in planned


@pytest.mark.parametrize("target", ["test", "lint", "bench", "lock"])
def test_what_works_on_the_pipeline_adds_them(target: str, empty_folder: Path) -> None:
    planned = make("--dry-run", target, folder=empty_folder).stdout
    before, _, after = planned.partition("-r requirements/run.txt")
    assert before
    assert "-r requirements/dev.txt" in after


def test_every_package_is_installed_by_its_hash(empty_folder: Path) -> None:
    for installer in ("uv", "pip"):
        planned = make(
            "--dry-run", f"INSTALLER={installer}", "test-stack", folder=empty_folder
        ).stdout
        from_files = re.findall(r"^.* -r requirements/.*$", planned, re.MULTILINE)
        assert len(from_files) >= 3
        assert all("--require-hashes" in line for line in from_files)


def test_a_missing_python_is_named_with_what_to_do(empty_folder: Path) -> None:
    failed = make("PYTHON=", "run", folder=empty_folder)
    assert failed.returncode
    assert "no Python 3.11 with venv was found" in failed.stderr
    for way in ("apt-get install python3.11-venv", "brew install python@3.11", "make PYTHON="):
        assert way in failed.stderr
    assert not (empty_folder / ".venv").exists()


def test_bench_runs_the_rest_if_one_program_fails(empty_folder: Path) -> None:
    programs = empty_folder / "benchmarks" / "some"
    programs.mkdir(parents=True)
    (programs / "a.py").write_text('if __name__ == "__main__":\n    raise SystemExit("no wrk")\n')
    (programs / "b.py").write_text('if __name__ == "__main__":\n    print("measured")\n')
    (empty_folder / ".venv").mkdir()
    for stamp in ("made", "running", "installed"):
        (empty_folder / ".venv" / stamp).touch()
    done = make(f"BIN={Path(sys.executable).parent}", "bench", folder=empty_folder)
    assert done.returncode
    assert "measured" in done.stdout
    assert "these failed: benchmarks.some.a\n" in done.stderr


def test_running_and_testing_use_the_same_releases() -> None:
    tested = locked("dev.txt")
    assert {r: h for r, h in locked("run.txt").items() if tested.get(r) != h} == {}


def test_running_needs_no_test_tool() -> None:
    also_needed_to_run = {"markdown-it-py", "setuptools"}  # by rich, and to build the package
    assert extra("dev") & packages("run.txt") == also_needed_to_run


def test_the_lock_for_running_holds_what_the_project_asks_for() -> None:
    wanted = set().union(*map(extra, RUNNING_EXTRAS))
    assert wanted - packages("run.txt") == set()


def test_the_hooks_before_a_commit_are_those_of_make_lint() -> None:
    recipe = re.findall(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[0]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    assert entries == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    assert not any(hook["pass_filenames"] for hook in hooks)


def test_uv_gets_what_pip_was_told(tmp_path: Path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://user:secret@one.example/simple\n"
        "find-links = wheels more\nextra-index-url =\n    https://two.example/simple\n    https://three.example/simple\n"
        "[install]\ntrusted-host = one.example\n"
    )
    seen = subprocess.run(
        [sys.executable, HANDED_ON, "env"],
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(settings), "PIP_TIMEOUT": "77"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "UV_DEFAULT_INDEX=https://user:secret@one.example/simple" in seen
    assert "UV_INDEX=https://two.example/simple https://three.example/simple" in seen
    assert "UV_FIND_LINKS=wheels,more" in seen
    assert "UV_INSECURE_HOST=one.example" in seen
    assert "UV_HTTP_TIMEOUT=77" in seen


def test_uv_asks_no_index_where_pip_would_not() -> None:
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        [sys.executable, HANDED_ON, "echo", "install"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "install --no-index\n"


def test_what_uv_was_told_itself_counts_first() -> None:
    for_uv = runpy.run_path(str(HANDED_ON))["for_uv"]
    told = {"index-url": "https://pip.example/simple"}
    assert for_uv(told, {"UV_DEFAULT_INDEX": "https://uv.example/simple"}) == {}
    assert for_uv(told, {"UV_INDEX_URL": "https://uv.example/simple"}) == {}
    assert for_uv({}, {}) == {}
