"""MLflow runs that nobody closed, for MLflow was away when their Dagster run ended."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from dandelion_pipeline.cli.up import _mlflow as mlflow_service
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.automation.sensors import sensors
from dandelion_pipeline.defs.mlflow.open_runs import (
    OPEN_AT_ONCE,
    OPEN_RUNS_SENSOR,
    close_left_open,
    open_runs_sensor,
)
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT, ensure_experiment
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.servers.processes import free_port, running

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
CANCELED, STARTED = dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.STARTED
Begin = Callable[[dg.DagsterRunStatus | None], str]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def begin(embedded: Settings, instance: dg.DagsterInstance) -> Begin:
    """Open the MLflow run of a Dagster run with a status; None for one of another Dagster."""
    ensure_experiment(embedded)
    client = MlflowClient(embedded.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment

    def opened(status: dg.DagsterRunStatus | None) -> str:
        run = dg.DagsterRun(job_name="training_job", status=status or STARTED)
        if status is not None:
            instance.add_run(run)
        made = client.create_run(experiment.experiment_id, tags={"dagster_run_id": run.run_id})
        return str(made.info.run_id)

    return opened


def status_of(settings: Settings, run_id: str) -> str:
    return str(MlflowClient(settings.tracking_uri).get_run(run_id).info.status)


def test_a_run_that_was_left_open_is_found_and_closed_as_its_dagster_run_ended(
    embedded: Settings, instance: dg.DagsterInstance, begin: Begin
) -> None:
    runs = {status: begin(status) for status in (SUCCESS, FAILURE, CANCELED, STARTED, None)}
    closed, page = close_left_open(embedded, instance)
    assert page is None
    assert set(closed) == {runs[SUCCESS], runs[FAILURE], runs[CANCELED]}
    assert {status: status_of(embedded, run) for status, run in runs.items()} == {
        SUCCESS: "FINISHED",
        FAILURE: "FAILED",
        CANCELED: "KILLED",
        STARTED: "RUNNING",
        None: "RUNNING",
    }
    assert close_left_open(embedded, instance) == ([], None)


def test_many_open_runs_of_others_are_looked_through_page_by_page_and_hide_none(
    embedded: Settings, instance: dg.DagsterInstance, begin: Begin
) -> None:
    for _ in range(OPEN_AT_ONCE):
        begin(None)
    mine = begin(FAILURE)
    closed, page = close_left_open(embedded, instance)
    assert closed == []
    assert page is not None
    assert close_left_open(embedded, instance, page) == ([mine], None)


@pytest.mark.stack
def test_a_server_that_was_away_when_a_run_ended_has_it_closed_once_it_is_back(
    empty_database: Path, embedded: Settings, tmp_path: Path
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    own = Settings(home=tmp_path, mlflow_tracking_uri="")
    (service,) = mlflow_service(own, free_port())
    settings = embedded.model_copy(update={"mlflow_tracking_uri": service.url})
    ready = service.url + service.path
    by_name = {sensor.name: sensor for sensor in sensors(settings)}

    @dg.asset
    def broken() -> None:
        raise ValueError

    with dg.instance_for_test() as instance:
        with running(service.command, url=ready, env=service.env):
            ensure_experiment(settings)
            client = MlflowClient(service.url)
            experiment = client.get_experiment_by_name(EXPERIMENT)
            assert experiment
            result = dg.materialize([broken], instance=instance, raise_on_error=False)
            tags = {"dagster_run_id": result.run_id}
            opened = client.create_run(experiment.experiment_id, tags=tags).info.run_id
        told = by_name["mlflow_failure_sensor"](
            dg.build_run_status_sensor_context(
                sensor_name="mlflow_failure_sensor",
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            )
        )
        assert isinstance(told, dg.SkipReason)
        assert OPEN_RUNS_SENSOR in (told.skip_message or "")

        def looked() -> str:
            with dg.build_sensor_context(
                instance=instance, repository_def=defs.get_repository_def()
            ) as context:
                return open_runs_sensor(settings).evaluate_tick(context).skip_message or ""

        assert "does not answer" in looked()
        with running(service.command, url=ready, env=service.env):
            assert client.get_run(opened).info.status == "RUNNING"
            assert opened in looked()
            assert client.get_run(opened).info.status == "FAILED"
            assert looked() == "no run was left open"
