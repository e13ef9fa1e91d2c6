"""What starts runs when something happens, and what happens when runs end.

Each decision is a pure function; the sensor around it reads the store and the clock.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from dandelion_pipeline.defs.automation.jobs import days_of, ingestion_job
from dandelion_pipeline.defs.mlflow.tracking import MLFLOW_STATUS, close_runs
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.alerts import Alert, alert_of, send
from dandelion_pipeline.errors import TransientError
from dandelion_pipeline.ingest.intake import waiting_files
from dandelion_pipeline.ingest.landing import is_ingested
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.store import StoredObject


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors. All run unless somebody stops them."""
    closing = [_mlflow_sensor(settings, status) for status in MLFLOW_STATUS]
    return [_landing_sensor(settings), _alert_sensor(settings), *closing]


def landing_requests(
    waiting: Mapping[str, Sequence[StoredObject]], threshold: int
) -> list[dg.RunRequest]:
    """A run for each day with more than so many new files.

    The key names the very files, so the same ones are asked for once however often the sensor
    looks, and once more when others have come.
    """
    return [
        dg.RunRequest(run_key=f"landing:{day}:{_fingerprint(files)}", partition_key=day)
        for day, files in waiting.items()
        if len(files) > threshold and is_ingested(day)
    ]


def _landing_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        job=ingestion_job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Takes in a day once over {settings.landing_threshold} new files lie there.",
    )
    def landing_sensor(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        try:
            waiting = waiting_files(store.open())
        except TransientError as error:
            yield dg.SkipReason(str(error))
            return
        number = sum(map(len, waiting.values()))
        few = dg.SkipReason(
            f"{number} new files; a day is taken in above {settings.landing_threshold} or at the "
            "daily time"
        )
        requests = landing_requests(waiting, settings.landing_threshold)
        add_days(context.instance, photo_days, days_of(requests))
        yield from requests if requests else [few]

    return landing_sensor


def _fingerprint(files: Sequence[StoredObject]) -> str:
    names = sorted(f"{file.key} {file.modified.isoformat()}" for file in files)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def _alert_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises one alert for each run that failed for good.",
    )
    def alert_sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        alert: Alert | None = alert_of(context.dagster_run, context.failure_event)
        if alert is None:
            return dg.SkipReason("Dagster tries this run again by itself")
        context.log.error(alert.message)
        if settings.alert_webhook is not None:
            send(alert, settings.alert_webhook.get_secret_value(), context.log)
        return None

    return alert_sensor


def _mlflow_sensor(settings: Settings, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=f"mlflow_{status.value.lower()}_sensor",
        run_status=status,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Closes the MLflow run of a Dagster run that ended as {status.value}.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> None:
        for run_id in close_runs(settings, context.dagster_run.run_id, status):
            context.log.info(f"MLflow run {run_id} closed as {status.value}")

    return sensor
