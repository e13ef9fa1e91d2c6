"""What starts runs when something happens, and what happens when runs end.

Each decision is a pure function; the sensor around it reads the store and the clock.
"""

import dagster as dg

from dandelion_pipeline.defs.automation.landing import landing_sensor_of
from dandelion_pipeline.defs.mlflow.open_runs import OPEN_RUNS_SENSOR
from dandelion_pipeline.defs.mlflow.tracking import MLFLOW_STATUS, close_runs
from dandelion_pipeline.defs.runs.alerts import Alert, alert_of, raise_alert
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.settings import Settings


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors. All run unless somebody stops them."""
    closing = [_mlflow_sensor(settings, status) for status in MLFLOW_STATUS]
    return [landing_sensor_of(settings), _alert_sensor(settings), *closing]


def _alert_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises one alert for each run that failed for good.",
    )
    def alert_sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        alert: Alert | None = alert_of(context.dagster_run, context.failure_event)
        if alert is None:
            return dg.SkipReason("Dagster tries this run again by itself")
        raise_alert(alert, settings, context.log)
        return None

    return alert_sensor


def _mlflow_sensor(settings: Settings, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=f"mlflow_{status.value.lower()}_sensor",
        run_status=status,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Closes the MLflow run of a Dagster run that ended as {status.value}.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        try:
            closed = close_runs(settings, context.dagster_run.run_id, status)
        except TrackingUnavailable as error:  # Dagster tells of this run once
            return dg.SkipReason(f"{error} Once it is back, {OPEN_RUNS_SENSOR} closes the run.")
        for run_id in closed:
            context.log.info(f"MLflow run {run_id} closed as {status.value}")
        return None

    return sensor
