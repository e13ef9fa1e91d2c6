"""Dagster's own daemon follows the real Airflow, is killed at every step, and takes the days in."""

import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dandelion_pipeline.defs.airflow.client import SUCCESS
from dandelion_pipeline.defs.airflow.runs import DATA_INGESTION, IDENTITY
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.defs.automation import daemon_ticks
from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.stack.airflow_server import READER
from dandelion_pipeline_tests.stack.code_server import code_server_at
from dandelion_pipeline_tests.stack.conftest import SHARE, Stack
from dandelion_pipeline_tests.stack.following import defs
from dandelion_pipeline_tests.stack.services import clean_environment, running_services

QUEUE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: QueuedRunCoordinator}
"""
LOCATION = "dandelion_pipeline_tests.stack.following"

STEPS = [*daemon_ticks.STEPS, "AUTOMATION_EVALUATIONS_ADDED", "RUN_IDS_RESERVED"]
"""The last two: events are stored, and runs are not asked for yet, or asked for and not begun."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh instance of Dagster, in which runs wait in the queue for ever."""
    (tmp_path / "dagster.yaml").write_text(QUEUE)
    return tmp_path


@pytest.fixture
def environment(stack: Stack, home: Path) -> dict[str, str]:
    """What Dagster's processes find."""
    return {
        **clean_environment(),
        **stack.environment,
        "DAGSTER_HOME": str(home),
        "DANDELION_HOME": str(home),
        "DANDELION_AIRFLOW_URL": stack.airflow.url,
        "DANDELION_AIRFLOW_USER": READER,
        "DANDELION_AIRFLOW_PASSWORD": stack.airflow.passwords[READER],
    }


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


@pytest.fixture
def code_server(home: Path, environment: dict[str, str]) -> Iterator[int]:
    """The port of one that the test's own daemon asks."""
    port = free_port()
    with running_services(home) as services:
        services.start(code_server_at(port, LOCATION, environment))
        services.wait("dagster-code")
        yield port


@pytest.fixture(scope="module", autouse=True)
def photos(stack: Stack) -> None:
    stack.await_schedule()
    stack.drop("follow", SHARE * (len(STEPS) + 1))


def ended(stack: Stack) -> tuple[list[str], list[str]]:
    """The DAG runs there are, and the keys of those that succeeded."""
    with stack.airflow.client() as client:
        runs = list(client.finished_runs(DATA_INGESTION, None))
    keys = [f"airflow:{run.identity}" for run in runs if run.state == SUCCESS]
    return sorted(run.identity for run in runs), sorted(keys)


def requested(instance: dg.DagsterInstance) -> list[str]:
    """The keys of the runs there are."""
    return sorted(run.tags["dagster/run_key"] for run in instance.get_runs())


def recorded(instance: dg.DagsterInstance) -> list[str]:
    key = dg.AssetKey(DATA_INGESTION)
    records = [
        *instance.fetch_materializations(key, limit=100).records,
        *instance.fetch_observations(key, limit=100).records,
    ]
    events = [record.asset_materialization or record.asset_observation for record in records]
    return sorted(str(event.metadata[IDENTITY].value) for event in events if event)


def test_a_daemon_killed_at_any_step_records_and_requests_each_run_once(
    stack: Stack, environment: dict[str, str], code_server: int, instance: dg.DagsterInstance
) -> None:
    days = {step: f"2026-03-{number + 1:02}" for number, step in enumerate(STEPS)}
    with daemon_ticks.daemon(environment, code_server) as killable:
        while recorded(instance) != ended(stack)[0]:  # what other tests left, by the batch
            assert killable.look("sensor", "airflow_sensor") == 0
        for step, day in days.items():
            stack.airflow.run(DATA_INGESTION, {"logical_date": None, "conf": {"day": day}})
            died = killable.look("sensor", "airflow_sensor", die_at=step)
            assert died == -signal.SIGKILL, step
            for _ in range(2):
                assert killable.look("sensor", "airflow_sensor") == 0
            runs, keys = ended(stack)
            assert (step, recorded(instance)) == (step, runs)
            assert (step, requested(instance)) == (step, keys)


def test_a_day_that_the_dag_uploaded_is_taken_in(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = "2026-03-20"
    stack.airflow.run(DATA_INGESTION, {"logical_date": None, "conf": {"day": day}})
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    job = defs.resolve_job_def("ingestion_job")
    with dg.instance_for_test() as instance:
        add_days(instance, photo_days, [day])
        assert job.execute_in_process(partition_key=day, instance=instance).success
    rows = read_table(stack.store, layout.table("raw_images", day)).to_pylist()
    assert [row["status"] for row in rows] == ["accepted"] * 2 * SHARE
