"""The real Airflow 3 on loopback: api-server, scheduler and dag-processor, on SQLite."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from dandelion_pipeline.defs.airflow_api import Airflow
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.processes import free_port, stop

DAGS = Path(__file__).parents[2] / "docker" / "airflow" / "dags"
OPERATOR, READER = "operator", "dagster"
T = TypeVar("T")

_PARTS = ("api-server", "scheduler", "dag-processor")


@dataclass(frozen=True)
class AirflowServer:
    """A running Airflow with one user who may do everything and one who may read."""

    url: str
    passwords: dict[str, str]

    @property
    def settings(self) -> Settings:
        """What Dagster follows it with."""
        return Settings.model_validate(
            {
                "airflow_url": self.url,
                "airflow_user": READER,
                "airflow_password": self.passwords[READER],
            }
        )

    def client(self) -> Airflow:
        """Our client, as the user who may read."""
        return Airflow(self.url, READER, self.passwords[READER])

    def ask(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401
        """Ask the REST API as the operator."""
        login = {"username": OPERATOR, "password": self.passwords[OPERATOR]}
        token = httpx.post(f"{self.url}/auth/token", json=login, trust_env=False).json()
        answer = httpx.request(
            method,
            f"{self.url}/api/v2/{path}",
            json=document,
            headers={"Authorization": f"Bearer {token['access_token']}"},
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json()

    def run(self, dag_id: str, document: Mapping[str, object]) -> dict[str, Any]:
        """Start a DAG and wait until it has ended."""
        started = self.ask("POST", f"dags/{dag_id}/dagRuns", document)
        return self.wait_for(dag_id, started["dag_run_id"])

    def wait_for(self, dag_id: str, dag_run_id: str) -> dict[str, Any]:
        """Wait until a run of a DAG has ended."""
        path = f"dags/{dag_id}/dagRuns/{quote(dag_run_id, safe='')}"
        return wait(lambda: _if_ended(self.ask("GET", path)), "the DAG run to end")


@contextmanager
def airflow(python: Path, home: Path, env: Mapping[str, str]) -> Iterator[AirflowServer]:
    """Airflow from a virtual environment of its own, until it has read its DAGs and beyond.

    Args:
        python: the interpreter of that environment.
        home: an empty folder, thrown away by the caller.
        env: what its tasks are to find in the environment.
    """
    port = free_port()
    server = AirflowServer(
        f"http://127.0.0.1:{port}", {name: secrets.token_hex(16) for name in (OPERATOR, READER)}
    )
    (home / "passwords.json").write_text(json.dumps(server.passwords))
    kept = {k: v for k, v in os.environ.items() if k[:8] not in ("AIRFLOW_", "DANDELIO")}
    everything = {**kept, **_configuration(home, port), **env}
    command = [str(python), "-m", "airflow"]
    with ExitStack() as stack:
        subprocess.run([*command, "db", "migrate"], env=everything, check=True, capture_output=True)
        for part in _PARTS:
            flags = ["--skip-serve-logs"] if part == "scheduler" else []
            log = home / f"{part}.log"
            stack.enter_context(running([*command, part, *flags], everything, log))
        wait(lambda: _is_ready(server), f"Airflow; see {home}/*.log", patience=240)
        yield server


def wait(ready: Callable[[], T | None], what: str, patience: float = 60) -> T:
    """Ask until the answer is something.

    Raises:
        AssertionError: it stayed nothing.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"waited {patience} s in vain for {what}")


def _if_ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in ("success", "failed") else None


def _configuration(home: Path, port: int) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": str(DAGS),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "2",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{OPERATOR}:admin,{READER}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__SECRET_KEY": secrets.token_hex(32),
        "API_AUTH__JWT_SECRET": secrets.token_hex(64),
    }
    return {
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[None]:
    """A process with children of its own, all of which are gone in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            stop(process, patience=5)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _is_ready(server: AirflowServer) -> bool:
    try:
        health = server.ask("GET", "monitor/health")
        dags = server.ask("GET", "dags")["dags"]
    except httpx.HTTPError:
        return False
    parts = [health[name]["status"] for name in ("scheduler", "dag_processor")]
    return parts == ["healthy", "healthy"] and bool(dags)
