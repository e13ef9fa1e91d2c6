"""The rest of the stack, beside Airflow: MLflow, Dagster, the API and the page."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.servers.seaweedfs import BUCKET
from dandelion_pipeline_tests.stack.airflow_server import READER
from dandelion_pipeline_tests.stack.chain.dagster_api import ENDED, Dagster
from dandelion_pipeline_tests.stack.code_server import code_server_at
from dandelion_pipeline_tests.stack.conftest import PREFIX, ROOT, Stack
from dandelion_pipeline_tests.stack.services import (
    Service,
    answers_at,
    clean_environment,
    wait,
)
from serving.webapp import page

DAG = "data_ingestion"
DAYS = ["2025-11-11", "2025-11-12"]
TINY = {
    "ops": {
        "trained_model": {"config": {"epochs": 1, "size": 32}},
        "published_model": {"config": {"force_reason": "one epoch, to try the stack out"}},
    }
}
_PORTS = ("mlflow", "dagster-code", "dagster-webserver", "api", "page")


@dataclass(frozen=True)
class Chain:
    """Everything that compose starts, natively."""

    stack: Stack
    ports: dict[str, int]
    key: str
    home: Path
    """`DAGSTER_HOME`."""

    environment: dict[str, str]
    """What Dagster's processes find."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def dagster(self) -> Dagster:
        return Dagster(self.url("dagster-webserver"))

    def ingested(self) -> set[str]:
        """The days that a run has taken in."""
        runs = self.dagster.runs("ingestion_job")
        return {run.day for run in runs if run.status == "SUCCESS"}

    def start_upload(self, day: str) -> str:
        """Start the DAG for a day, and give the id of the DAG run."""
        document = {"dag_run_id": f"test-{day}", "logical_date": None, "conf": {"day": day}}
        self.stack.airflow.ask("POST", f"dags/{DAG}/dagRuns", document)
        return f"test-{day}"


@pytest.fixture(scope="package")
def chain(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """All services; what needs others is started after them."""
    ports = {name: free_port() for name in _PORTS}
    home = tmp_path_factory.mktemp("dagster")
    _write_configuration(home, stack, ports)
    environment = _dagster_environment(stack, home, ports)
    chain = Chain(stack, ports, secrets.token_hex(16), home, environment)
    services = stack.services
    code = code_server_at(ports["dagster-code"], "dandelion_pipeline.definitions", environment)
    services.start(_mlflow(chain), code, _api(chain), _page(chain))
    services.wait("mlflow", "dagster-code")
    services.start(_webserver(chain))
    services.wait("dagster-webserver")  # it makes Dagster's tables
    services.start(_daemon(chain))
    services.wait("dagster-daemon", "api", "page")
    yield chain
    services.stop_all(dict.fromkeys(["dagster-daemon", *_PORTS]))


@pytest.fixture(scope="package")
def dag_runs(chain: Chain) -> list[str]:
    """The DAG has run by its schedule, and has uploaded two past days."""
    chain.stack.await_schedule()
    started = [chain.start_upload(day) for day in DAYS]
    ended = [chain.stack.airflow.wait_for(DAG, dag_run_id) for dag_run_id in started]
    assert [run["state"] for run in ended] == ["success"] * len(DAYS)
    return started


@pytest.fixture(scope="package")
def training(chain: Chain, dag_runs: list[str]) -> str:
    """The run that made a model of what was uploaded."""
    wait(lambda: len(chain.ingested()) > len(dag_runs), "the intake of these days and New Year's")
    run_id = chain.dagster.launch("training_job", TINY)

    def ended() -> str | None:
        (run,) = chain.dagster.runs("training_job")
        return run.status if run.status in ENDED else None

    assert wait(ended, "the training") == "SUCCESS"
    return run_id


def _write_configuration(home: Path, stack: Stack, ports: Mapping[str, int]) -> None:
    """The very files of the image, at our addresses."""
    files = ROOT / "docker" / "dagster"
    database = "    postgres_db:\n"
    instance = (files / "dagster.yaml").read_text()
    assert database in instance
    port = f"{database}      port: {stack.postgres.port}\n"
    (home / "dagster.yaml").write_text(instance.replace(database, port))
    workspace = (files / "workspace.yaml").read_text()
    assert "host: dagster-code" in workspace
    workspace = workspace.replace("host: dagster-code", "host: 127.0.0.1")
    code = ports["dagster-code"]
    (home / "workspace.yaml").write_text(workspace.replace("port: 4000", f"port: {code}"))


def _dagster_environment(stack: Stack, home: Path, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        **clean_environment(),
        **stack.environment,
        "AWS_DEFAULT_REGION": stack.environment["AWS_REGION"],
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_DB": "dagster",
        "DAGSTER_POSTGRES_USER": "dagster",
        "DAGSTER_POSTGRES_PASSWORD": stack.postgres.passwords["dagster"],
        "DANDELION_BUCKET": BUCKET,
        "DANDELION_HOME": str(home / "cache"),
        "DANDELION_LANDING_THRESHOLD": "1000",  # days are taken in for the DAG's sake alone
        "DANDELION_AIRFLOW_URL": stack.airflow.url,
        "DANDELION_AIRFLOW_USER": READER,
        "DANDELION_AIRFLOW_PASSWORD": stack.airflow.passwords[READER],
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{ports['mlflow']}",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", *arguments]


def _mlflow(chain: Chain) -> Service:
    environment = {
        **clean_environment(),
        **chain.stack.environment,
        "AWS_DEFAULT_REGION": chain.stack.environment["AWS_REGION"],
        "MLFLOW_BACKEND_STORE_URI": chain.stack.postgres.url("mlflow"),
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}/{PREFIX}/mlflow",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    where = ["--host", "127.0.0.1", "--port", str(chain.ports["mlflow"]), "--workers", "1"]
    is_ready = answers_at(chain.url("mlflow") + "/health")
    return Service("mlflow", _python("mlflow", "server", *where), environment, is_ready)


def _webserver(chain: Chain) -> Service:
    where = ["--host", "127.0.0.1", "--port", str(chain.ports["dagster-webserver"])]
    workspace = ["--workspace", str(chain.home / "workspace.yaml")]
    command = _python("dagster_webserver", *where, *workspace)
    is_ready = chain.dagster.is_loaded
    return Service("dagster-webserver", command, chain.environment, lambda _: is_ready())


def _daemon(chain: Chain) -> Service:
    command = _python("dagster._daemon", "run", "-w", str(chain.home / "workspace.yaml"))
    is_ready = chain.dagster.daemons_beat_since
    return Service("dagster-daemon", command, chain.environment, is_ready)


def _api(chain: Chain) -> Service:
    environment = {
        **clean_environment(),
        **chain.stack.environment,
        "DANDELION_API_PORT": str(chain.ports["api"]),
        "DANDELION_API_KEYS": f"{secrets.token_hex(16)},{chain.key}",
    }
    is_ready = answers_at(chain.url("api") + "/healthz")
    return Service("api", _python("serving"), environment, is_ready)


def _page(chain: Chain) -> Service:
    environment = {
        **clean_environment(),
        "DANDELION_API_URL": chain.url("api"),
        "DANDELION_API_KEY": chain.key,
    }
    where = ["--server.address", "127.0.0.1", "--server.port", str(chain.ports["page"])]
    command = _python("streamlit", "run", str(page.__file__), *where)
    return Service("page", command, environment, answers_at(chain.url("page") + "/_stcore/health"))
