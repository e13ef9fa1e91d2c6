"""Airflow seen from Dagster: its DAG as an asset, and each of its runs as an event."""

from collections.abc import Sequence
from itertools import islice

import dagster as dg

from dandelion_pipeline.defs.airflow.client import SUCCESS, Airflow, DagRun
from dandelion_pipeline.defs.airflow.runs import (
    DATA_INGESTION,
    IDENTITY,
    Cursor,
    EndedRun,
    report,
)
from dandelion_pipeline.defs.automation.jobs import days_of, ingestion_job
from dandelion_pipeline.defs.partitions import add_days, airflow_days, photo_days
from dandelion_pipeline.errors import SettingsError, TransientError
from dandelion_pipeline.settings import Settings

BATCH = 20
"""DAG runs recorded in one tick, which has to end within a minute."""

CLOCKS_DIFFER_S = 3600
"""How far Airflow's clock may be ahead of Dagster's."""

_PAGE = 500

data_ingestion = dg.AssetSpec(
    DATA_INGESTION,
    description="Airflow's DAG `data_ingestion`: each day it uploads that day's share of the drop "
    "folder to the landing folder of the day. `airflow_sensor` records each of its runs here.",
    group_name="ingestion",
    kinds={"airflow"},
    partitions_def=airflow_days,
    metadata={"dag_id": DATA_INGESTION, "source": "docker/airflow/dags/data_ingestion.py"},
)


def airflow_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that follows the DAG. It runs unless somebody stops it."""

    @dg.sensor(
        name="airflow_sensor",
        job=ingestion_job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records each run of Airflow's DAG, and takes in the day of a successful one.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        cursor = Cursor.parse(context.cursor)
        try:
            with open_airflow(settings) as airflow:
                ended = look(airflow, cursor)
        except (TransientError, SettingsError) as error:  # the next look may find it mended
            return dg.SkipReason(str(error))
        if not ended:
            return dg.SkipReason("no DAG run has ended since the last look")
        done = report(cursor, ended, recorded(context.instance, ended))
        of_airflow = (event.partition for event in done.events)
        add_days(context.instance, airflow_days, filter(None, of_airflow))
        add_days(context.instance, photo_days, days_of(done.requests))
        return dg.SensorResult(
            run_requests=done.requests,
            asset_events=done.events,
            cursor=done.cursor.model_dump_json(),
        )

    return sensor


def open_airflow(settings: Settings) -> Airflow:
    """Airflow, as the settings say. Nothing is asked yet.

    Raises:
        SettingsError: they name none, or nobody to ask it as.
    """
    password = settings.airflow_password
    if not settings.airflow_url:
        raise SettingsError(
            "Airflow is not followed",
            "DANDELION_AIRFLOW_URL is not set",
            "To follow it, set DANDELION_AIRFLOW_URL, _USER and _PASSWORD; or stop this sensor",
        )
    if not settings.airflow_user or password is None:
        raise SettingsError(
            f"Airflow at {settings.airflow_url} cannot be asked",
            "nobody is named to ask it as",
            "Set DANDELION_AIRFLOW_USER and DANDELION_AIRFLOW_PASSWORD",
        )
    return Airflow(
        settings.airflow_url,
        settings.airflow_user,
        password.get_secret_value(),
        settings.airflow_ui_url,
    )


def look(airflow: Airflow, cursor: Cursor) -> list[EndedRun]:
    """The next runs that ended and were not seen, with what their tasks did."""
    runs = cursor.unseen(airflow.finished_runs(DATA_INGESTION, cursor.since))
    return [_with_tasks(airflow, run) for run in islice(runs, BATCH)]


def recorded(instance: dg.DagsterInstance, ended: Sequence[EndedRun]) -> set[str]:
    """The identities of runs that have events, if any of these may have one."""
    since = min(each.run.end_date for each in ended).timestamp() - CLOCKS_DIFFER_S
    wanted = dg.AssetRecordsFilter(dg.AssetKey(DATA_INGESTION), after_timestamp=since)
    found: set[str] = set()
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        position, more = None, True
        while more:
            page = fetch(wanted, limit=_PAGE, cursor=position)
            found.update(_identity(record) for record in page.records)
            position, more = page.cursor, page.has_more
    return found


def _identity(record: dg.EventLogRecord) -> str:
    event = record.asset_materialization or record.asset_observation
    said = event.metadata.get(IDENTITY) if event else None
    return str(said.value) if said else ""


def _with_tasks(airflow: Airflow, run: DagRun) -> EndedRun:
    tasks = airflow.tasks(run)
    done = [task.task_id for task in tasks if task.state == SUCCESS]
    results = {name: airflow.result(run, name) for name in done}
    return EndedRun(run, airflow.link(run), tasks, results)
