"""A real PostgreSQL on loopback, with the databases that docker/postgres/init.sh makes."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.stack.services import (
    Service,
    Services,
    clean_environment,
    identity,
)

INIT = Path(__file__).parents[2] / "docker" / "postgres" / "init.sh"
DATABASES = ("airflow", "dagster", "mlflow")


@dataclass(frozen=True)
class Postgres:
    """A server with a user and a database for each service."""

    port: int
    passwords: dict[str, str]

    def url(self, name: str) -> str:
        """SQLAlchemy's URL of one database; 2.1 takes psycopg 3 for a bare ``postgresql``."""
        return f"postgresql+psycopg2://{name}:{self.passwords[name]}@127.0.0.1:{self.port}/{name}"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian keeps off the PATH."""
    debians = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major_version)
    found = shutil.which("initdb")
    return debians[-1].parent if debians else Path(found).resolve().parent if found else None


@contextmanager
def postgres(bin_folder: Path, services: Services) -> Iterator[Postgres]:
    """A server among these services; its data is thrown away in the end."""
    user = _owner()
    server = Postgres(free_port(), {name: secrets.token_hex(16) for name in ("root", *DATABASES)})
    with tempfile.TemporaryDirectory(prefix="dandelion-postgres-") as folder:
        if user:
            shutil.chown(folder, user)
        service = _service(server, bin_folder, Path(folder), user)
        _make_cluster(server, bin_folder, Path(folder), user)
        services.start(service)
        services.wait(service.name)
        _make_databases(server, bin_folder)
        yield server
        services.stop(service.name)


def _major_version(program: Path) -> int:
    return int(program.parts[-3])


def _owner() -> str | None:
    """Who the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _make_cluster(server: Postgres, bin_folder: Path, folder: Path, user: str | None) -> None:
    password = folder / "password"
    password.write_text(server.passwords["root"])
    if user:
        shutil.chown(password, user)
    command = [str(bin_folder / "initdb"), "--pgdata", str(folder / "data"), "--no-sync"]
    command += ["--username", "postgres", "--auth", "scram-sha-256", "--encoding", "UTF8"]
    subprocess.run(
        [*command, "--no-locale", "--pwfile", str(password)],
        env=clean_environment(),
        cwd="/",
        check=True,
        capture_output=True,
        **identity(user),
    )


def _service(server: Postgres, bin_folder: Path, folder: Path, user: str | None) -> Service:
    settings = {
        "port": str(server.port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "fsync": "off",  # what a killed server wrote is still with the kernel
        "max_connections": "200",
    }
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Service(
        "postgres",
        [str(bin_folder / "postgres"), "-D", str(folder / "data"), *flags],
        clean_environment(),
        lambda _: _accepts(server, bin_folder),
        user=user,
        stop_signal=SIGINT,  # as its image says: do not wait for clients to leave
    )


def _accepts(server: Postgres, bin_folder: Path) -> bool:
    command = [str(bin_folder / "pg_isready"), "--quiet", "--host", "127.0.0.1"]
    asked = subprocess.run([*command, "--port", str(server.port)], check=False)
    return asked.returncode == 0


def _make_databases(server: Postgres, bin_folder: Path) -> None:
    passwords = {f"{n.upper()}_POSTGRES_PASSWORD": server.passwords[n] for n in DATABASES}
    environment = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "POSTGRES_PASSWORD": server.passwords["root"],
        **passwords,
    }
    subprocess.run(["sh", str(INIT)], env=environment, check=True, capture_output=True)
