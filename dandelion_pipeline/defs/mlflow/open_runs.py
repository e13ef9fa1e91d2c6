"""MLflow runs that are still open although their Dagster run has ended.

MLflow was away when they should have been closed, and Dagster tells its run-status sensors of a
run's end once, also if they fail.
"""

from functools import partial

import dagster as dg
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus
from mlflow.store.entities import PagedList

from dandelion_pipeline.defs.mlflow.timeouts import MlflowWithTimeout
from dandelion_pipeline.defs.mlflow.tracking import (
    DAGSTER_RUN,
    EXPERIMENT,
    MLFLOW_STATUS,
    TIMEOUT_S,
    terminate,
)
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.settings import Settings

OPEN_RUNS_SENSOR = "open_mlflow_runs_sensor"

OPEN_AT_ONCE = 20
"""MLflow runs that one look takes in."""


def close_left_open(
    settings: Settings, instance: dg.DagsterInstance, page: str | None = None
) -> tuple[list[str], str | None]:
    """Close MLflow runs that are RUNNING although their Dagster run has ended.

    `OPEN_AT_ONCE` of the open ones are looked at. A run of a Dagster that is not this one, or that
    was deleted here, is left alone.

    Args:
        settings: where MLflow is.
        instance: what knows of Dagster's runs.
        page: what the call before returned.

    Returns:
        The MLflow runs that were closed, and the next page, None for the first one.

    Raises:
        TrackingUnavailable: MLflow is not there.
    """
    client = MlflowWithTimeout(settings, "closing MLflow runs that were left open", TIMEOUT_S)
    found = client.ask(lambda asked: _open_runs(asked, page))
    closed = []
    for mlflow_run in found:
        run = instance.get_run_by_id(mlflow_run.data.tags.get(DAGSTER_RUN, ""))
        if run is not None and run.status in MLFLOW_STATUS:
            run_id = mlflow_run.info.run_id
            status = RunStatus.to_string(MLFLOW_STATUS[run.status])
            client.ask(partial(terminate, run_id=run_id, status=status))
            closed.append(run_id)
    # What was closed is on no page any more, so the next page would begin too late.
    return closed, None if closed else found.token or None


def _open_runs(client: MlflowClient, page: str | None) -> PagedList[Run]:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return PagedList([], None)
    return client.search_runs(
        [experiment.experiment_id],
        "attributes.status = 'RUNNING'",
        max_results=OPEN_AT_ONCE,
        order_by=["attributes.start_time ASC"],
        page_token=page,
    )


def open_runs_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that looks for them. It runs unless somebody stops it."""

    @dg.sensor(
        name=OPEN_RUNS_SENSOR,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes MLflow runs that were left open because MLflow was away when their "
        "Dagster run ended.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        try:
            closed, page = close_left_open(settings, context.instance, context.cursor or None)
        except TrackingUnavailable as error:
            return dg.SkipReason(str(error))
        context.update_cursor(page or "")
        return dg.SkipReason(
            f"closed the MLflow runs {', '.join(closed)}" if closed else "no run was left open"
        )

    return sensor
