"""One Airflow for all tests of the stack, with a drop folder and a bucket of its own."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline_tests.seaweedfs import S3Server
from dandelion_pipeline_tests.stack.airflow_server import AirflowServer, airflow, wait
from dandelion_pipeline_tests.tiny_models import GREEN, YELLOW, photo

ROOT = Path(__file__).parents[2]
PREFIX = "stack"
SHARE = 3


@dataclass(frozen=True)
class Stack:
    """What runs, and where photos are dropped and land."""

    airflow: AirflowServer
    drop_folder: Path
    store: Store
    environment: dict[str, str]
    """What opens the store."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The interpreter that has Airflow."""
    given = Path(
        os.environ.get("DANDELION_AIRFLOW_PYTHON") or ROOT / ".venv-airflow" / "bin" / "python"
    )
    probe = [str(given), "-c", "import airflow.sdk, dandelion_pipeline"]
    if not given.exists() or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"{given} has no Airflow; `make .venv-airflow/installed` sets it up")
    return given


@pytest.fixture(scope="session")
def stack(
    airflow_python: Path, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Airflow, which has run the DAG once on its own."""
    drop_folder = tmp_path_factory.mktemp("drop")
    for label, colour in (("dandelion", YELLOW), ("grass", GREEN)):
        (drop_folder / label).mkdir()
        for number in range(60):
            content = photo((*colour[:2], number), format="PNG")  # each is another
            (drop_folder / label / f"{number:03}.png").write_bytes(content)
    environment = {**s3_server.environment, "DANDELION_STORE_URL": f"{s3_server.url}/{PREFIX}"}
    settings = {
        **environment,
        "DANDELION_DROP_FOLDER": str(drop_folder),
        "DANDELION_SHARE": str(SHARE),
        "DANDELION_DROP_CRON": "0 5 1 1 *",  # New Year is caught up with once, and then nothing
    }
    store = open_store(environment["DANDELION_STORE_URL"], s3_server.options)
    with airflow(airflow_python, tmp_path_factory.mktemp("airflow"), settings) as server:
        runs = "dags/data_ingestion/dagRuns?state=success"
        wait(lambda: server.ask("GET", runs)["total_entries"], "the run of the schedule")
        yield Stack(server, drop_folder, store, environment)
