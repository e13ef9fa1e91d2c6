"""What docker/make_env.sh writes, and what docker/postgres/init.sh asks PostgreSQL for."""

import base64
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
SCRIPTS = sorted(DOCKER.glob("**/*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.name}")
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_script_is_valid(shell: str, script: Path) -> None:
    subprocess.run([shell, "-n", str(script)], check=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A working copy with what make_env.sh needs, and no .env."""
    (tmp_path / "docker").mkdir()
    shutil.copy(DOCKER / "make_env.sh", tmp_path / "docker")
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def make_env(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(checkout / "docker" / "make_env.sh")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def values(env: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", env.read_text(), re.MULTILINE))


def test_every_variable_gets_a_value_and_only_the_owner_reads_it(checkout: Path) -> None:
    assert make_env(checkout).returncode == 0
    written = values(checkout / ".env")
    assert written.keys() == values(checkout / ".env.example").keys()
    assert all(written.values())
    assert stat.S_IMODE((checkout / ".env").stat().st_mode) == 0o600
    assert (checkout / "drop").stat().st_mode & stat.S_IXOTH  # Airflow has a user of its own


def test_no_secret_is_like_another_but_the_key_that_two_share(checkout: Path) -> None:
    make_env(checkout)
    written, example = values(checkout / ".env"), values(checkout / ".env.example")
    secrets = {name: value for name, value in written.items() if not example[name]}
    assert secrets["DANDELION_API_KEYS"] == secrets["DANDELION_API_KEY"]
    assert len(set(secrets.values())) == len(secrets) - 1
    fernet = secrets.pop("AIRFLOW__CORE__FERNET_KEY")
    assert len(base64.urlsafe_b64decode(fernet)) == 32
    assert all(re.fullmatch("[a-z0-9]{20,}", value) for value in secrets.values())


def test_two_checkouts_share_no_secret(checkout: Path) -> None:
    make_env(checkout)
    first = values(checkout / ".env")
    (checkout / ".env").unlink()
    make_env(checkout)
    second, example = values(checkout / ".env"), values(checkout / ".env.example")
    assert not [name for name in first if not example[name] and first[name] == second[name]]


def test_what_is_there_is_left_as_it_is(checkout: Path) -> None:
    (checkout / ".env").write_text("MINE=1\n")
    ended = make_env(checkout)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert (checkout / ".env").read_text() == "MINE=1\n"


def test_no_half_of_a_file_stays_and_no_secret_is_printed(checkout: Path) -> None:
    ended = make_env(checkout)
    made = {".env", "drop", "api-keys"}
    assert {path.name for path in checkout.iterdir()} == {".env.example", "docker"} | made
    assert not [v for v in values(checkout / ".env").values() if len(v) >= 20 and v in ended.stdout]


def test_a_missing_example_is_named(checkout: Path) -> None:
    (checkout / ".env.example").unlink()
    ended = make_env(checkout)
    assert ended.returncode == 1
    assert ".env.example is not there" in ended.stderr
    assert not (checkout / ".env").exists()


# The image brings psql; here a stand-in writes down what it is asked, and fails where told to.
_PSQL = """\
#!/bin/sh
{ printf '%s|' "$PGUSER" "$PGPASSWORD" "$PGDATABASE" "$PASSWORD" "$*"; echo; } >>"$RECORD"
cat >>"$RECORD.sql"
case $* in *"name=$FAILS_AT"*) exit 3 ;; esac
"""
_DATABASES = ("airflow", "dagster", "mlflow")


def init_postgres(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    psql = folder / "psql"
    psql.write_text(_PSQL)
    psql.chmod(0o755)
    passwords = {f"{name.upper()}_POSTGRES_PASSWORD": f"secret-of-{name}" for name in _DATABASES}
    return subprocess.run(
        [shutil.which("sh") or "/bin/sh", str(DOCKER / "postgres" / "init.sh")],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "RECORD": str(folder / "record"),
            "PGHOST": "postgres",
            "PGUSER": "postgres",
            "POSTGRES_PASSWORD": "secret-of-root",
            "FAILS_AT": "none",
            **passwords,
            **changes,
        },
        check=False,
        capture_output=True,
        text=True,
    )


def test_each_service_gets_a_database_and_a_user_with_its_own_password(tmp_path: Path) -> None:
    ended = init_postgres(tmp_path)
    assert ended.returncode == 0, ended.stderr
    lines = (tmp_path / "record").read_text().splitlines()
    for name, line in zip(_DATABASES, lines, strict=True):
        *who, password, arguments, _ = line.split("|")
        assert who == ["postgres", "secret-of-root", "postgres"]
        assert password == f"secret-of-{name}"
        assert f"name={name}" in arguments
        assert "secret" not in arguments
    assert "secret" not in (tmp_path / "record.sql").read_text()


@pytest.mark.parametrize("name", _DATABASES)
def test_init_stops_at_the_first_database_that_fails(tmp_path: Path, name: str) -> None:
    ended = init_postgres(tmp_path, FAILS_AT=name)
    assert ended.returncode == 1
    assert re.search(rf"^error: the database {name} .+\n   do: .+$", ended.stderr, re.MULTILINE)
    assert len((tmp_path / "record").read_text().splitlines()) == _DATABASES.index(name) + 1


@pytest.mark.parametrize("variable", ["POSTGRES_PASSWORD", "AIRFLOW_POSTGRES_PASSWORD", "PGHOST"])
def test_init_names_a_variable_that_is_empty(tmp_path: Path, variable: str) -> None:
    ended = init_postgres(tmp_path, **{variable: ""})
    assert ended.returncode != 0
    assert variable in ended.stderr
    assert not (tmp_path / "record").exists()
