"""The real Airflow 3 on loopback: api-server, scheduler and dag-processor, on PostgreSQL."""

import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from dandelion_pipeline.defs.airflow.client import Airflow
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.stack.services import (
    Service,
    Services,
    answers_at,
    clean_environment,
    wait,
)

DAGS = Path(__file__).parents[2] / "docker" / "airflow" / "dags"
OPERATOR, READER = "operator", "dagster"
API, SCHEDULER, PROCESSOR = PARTS = ("airflow-api", "airflow-scheduler", "airflow-dag-processor")


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
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            token = client.post("/auth/token", json=login).raise_for_status().json()
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            answer = client.request(method, f"/api/v2/{path}", json=document, headers=headers)
        return answer.raise_for_status().json()

    def run(self, dag_id: str, document: Mapping[str, object]) -> dict[str, Any]:
        """Start a DAG and wait until it has ended."""
        started = self.ask("POST", f"dags/{dag_id}/dagRuns", document)
        return self.wait_for(dag_id, started["dag_run_id"])

    def wait_for(self, dag_id: str, dag_run_id: str) -> dict[str, Any]:
        """Wait until a run of a DAG has ended."""
        path = f"dags/{dag_id}/dagRuns/{quote(dag_run_id, safe='')}"
        return wait(lambda: _if_ended(self.ask("GET", path)), "the DAG run to end", timeout=600)


def airflow(
    python: Path, home: Path, database: str, env: Mapping[str, str], services: Services
) -> AirflowServer:
    """Airflow from a virtual environment of its own, once it has read its DAGs.

    Args:
        python: the interpreter of that environment.
        home: an empty folder, thrown away by the caller.
        database: SQLAlchemy's URL of an empty database.
        env: what its tasks are to find in the environment.
        services: what it is to be one of.
    """
    port = free_port()
    server = AirflowServer(
        f"http://127.0.0.1:{port}", {name: secrets.token_hex(16) for name in (OPERATOR, READER)}
    )
    (home / "passwords.json").write_text(json.dumps(server.passwords))
    everything = {**clean_environment(), **_configuration(home, port, database), **env}
    command = [str(python), "-m", "airflow"]
    subprocess.run([*command, "db", "migrate"], env=everything, check=True, capture_output=True)
    health = f"{server.url}/api/v2/monitor/health"
    services.start(
        Service(API, [*command, "api-server"], everything, answers_at(health)),
        Service(
            SCHEDULER,
            [*command, "scheduler", "--skip-serve-logs"],
            everything,
            lambda since: _has_beaten(health, "scheduler", since),
        ),
        Service(
            PROCESSOR,
            [*command, "dag-processor"],
            everything,
            lambda since: _has_beaten(health, "dag_processor", since),
        ),
    )
    services.wait(*PARTS)
    wait(lambda: server.ask("GET", "dags")["dags"], "the DAG")
    return server


def _if_ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in ("success", "failed") else None


def _configuration(home: Path, port: int, database: str) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": str(DAGS),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "2",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{OPERATOR}:admin,{READER}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__SECRET_KEY": secrets.token_hex(32),
        "API_AUTH__JWT_SECRET": secrets.token_hex(64),
        # A killed scheduler takes its tasks with it; they are missed sooner than in 5 minutes.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    }
    return {
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def _has_beaten(health: str, part: str, since: float) -> bool:
    """Whether a part of Airflow has said since then that it is alive."""
    try:
        said = httpx.get(health, timeout=10, trust_env=False).raise_for_status().json()[part]
    except httpx.HTTPError:
        return False
    beat = said[f"latest_{part}_heartbeat"]
    return beat is not None and datetime.fromisoformat(beat).timestamp() > since
