"""One PostgreSQL, one SeaweedFS and one Airflow for all tests of the stack."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo
from dandelion_pipeline_tests.servers.seaweedfs import S3Server, seaweedfs_command, takes_objects
from dandelion_pipeline_tests.stack.airflow_server import AirflowServer, airflow
from dandelion_pipeline_tests.stack.postgres import Postgres, postgres, programs
from dandelion_pipeline_tests.stack.services import (
    Service,
    Services,
    clean_environment,
    running_services,
    wait,
)

ROOT = Path(__file__).parents[2]
PREFIX = "stack"
SHARE = 5
FIRST_DAYS = 3
"""The drop folder begins with photos for so many days, which a model can be made of."""


@dataclass(frozen=True)
class Stack:
    """What runs, and where photos are dropped and land."""

    services: Services
    postgres: Postgres
    airflow: AirflowServer
    drop_folder: Path
    store: Store
    environment: dict[str, str]
    """What opens the store."""

    def drop(self, name: str, count: int) -> list[str]:
        """Drop photos of each class; each is another, and ``name`` is new. Gives their names."""
        names = [f"{name}-{number:03}.png" for number in range(count)]
        for label, colour in (("dandelion", YELLOW), ("grass", GREEN)):
            for each in names:
                shade = len(list((self.drop_folder / label).iterdir()))
                content = photo((colour[0], shade // 256, shade % 256), format="PNG")
                hidden = self.drop_folder / label / f".{each}"
                hidden.write_bytes(content)
                hidden.rename(hidden.with_name(each))
        return names

    def await_schedule(self) -> None:
        """Wait until the DAG has run on its own."""
        runs = "dags/data_ingestion/dagRuns?state=success"
        wait(lambda: self.airflow.ask("GET", runs)["total_entries"], "the run of the schedule")

    def dropped(self) -> int:
        """How many photos there are in the drop folder."""
        return len(list(self.drop_folder.glob("*/*")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)
            item.add_marker(pytest.mark.timeout(900))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured: `record_property("figure", …)`."""
    ended = [report for report in terminalreporter.getreports("") if report.when == "teardown"]
    figures = [value for report in ended for name, value in report.user_properties]
    if figures:
        terminalreporter.section("figures")
    for figure in figures:
        terminalreporter.write_line(str(figure))


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
def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs."""
    found = programs()
    if found is None:
        pytest.skip("needs Debian's postgresql package, which .ci/run installs")
    return found


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with running_services(tmp_path_factory.mktemp("services")) as services:
        yield services


@pytest.fixture(scope="session")
def bucket(services: Services, tmp_path_factory: pytest.TempPathFactory) -> S3Server:
    """SeaweedFS, which can be restarted."""
    server, command = seaweedfs_command(tmp_path_factory.mktemp("seaweedfs"))
    env = {**clean_environment(), **server.environment}
    services.start(Service("seaweedfs", command, env, lambda _: takes_objects(server)))
    services.wait("seaweedfs")
    return server


@pytest.fixture(scope="session")
def stack(
    airflow_python: Path,
    postgres_programs: Path,
    services: Services,
    bucket: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Airflow, which runs the DAG once on its own."""
    drop_folder = tmp_path_factory.mktemp("drop")
    for label, name, content in generate(SampleSpec(SHARE * FIRST_DAYS, size=(64, 48))):
        (drop_folder / label).mkdir(exist_ok=True)
        (drop_folder / label / f"0-{name}").write_bytes(content)
    environment = {**bucket.environment, "DANDELION_STORE_URL": f"{bucket.url}/{PREFIX}"}
    settings = {
        **environment,
        "DANDELION_DROP_FOLDER": str(drop_folder),
        "DANDELION_SHARE": str(SHARE),
        "DANDELION_DROP_CRON": "0 5 1 1 *",  # New Year is caught up with once, and then nothing
    }
    store = open_store(environment["DANDELION_STORE_URL"], bucket.options)
    home = tmp_path_factory.mktemp("airflow")
    with postgres(postgres_programs, services) as database:
        server = airflow(airflow_python, home, database.url("airflow"), settings, services)
        yield Stack(services, database, server, drop_folder, store, environment)
