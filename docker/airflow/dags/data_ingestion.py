"""The legacy DAG `data_ingestion`: each day gets its share of the drop folder.

Airflow knows when, `dandelion_pipeline.ingest.drop_folder` knows what. Settings come from the
environment of the workers (the schedule from the DAG processor's too):

    DANDELION_DROP_FOLDER   holds one folder of photos for each class
    DANDELION_STORE_URL     s3://bucket/prefix, reached by the standard AWS_* variables
    DANDELION_SHARE         photos of each class and day (10)
    DANDELION_DROP_CRON     when (0 5 * * *, an hour before Dagster takes days in; UTC)

To run it for a past day, trigger it with that logical date, or with {"day": "YYYY-MM-DD"}.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from dandelion_pipeline.errors import PermanentError, SettingsError
from dandelion_pipeline.ingest.drop_folder import SHARE, scan, upload
from dandelion_pipeline.storage.objects.location import open_store

log = logging.getLogger(__name__)


@task
def scan_images() -> dict[str, int]:
    """Count what the drop folder holds, by class."""
    with permanent_errors_fail_at_once():
        counts = scan(drop_folder())
    log.info("the drop folder holds %s", counts)
    return counts


@task
def upload_to_minio() -> dict[str, Any]:
    """Upload the day's share. Repeating it uploads what is missing, and nothing twice."""
    with permanent_errors_fail_at_once():
        store = open_store(setting("DANDELION_STORE_URL"))
        done = upload(store, drop_folder(), day_of_this_run(), share_of_a_day())
    log.info("%s", done)
    return asdict(done)


@dag(
    dag_id="data_ingestion",
    description="Uploads each day's share of the drop folder to landing/<day>/.",
    doc_md=__doc__,
    schedule=os.environ.get("DANDELION_DROP_CRON") or "0 5 * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two days at once could choose the same photos
    default_args={
        "owner": "ml",
        "retries": 4,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
    },
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            description="The day to upload; by default that of the logical date (UTC).",
        )
    },
    tags=["dandelion", "legacy"],
)
def data_ingestion() -> None:
    """Count first, so that a folder that cannot be used fails before anything is uploaded."""
    scan_images() >> upload_to_minio()


def day_of_this_run() -> str:
    """The day given by whoever started it, of the logical date, or of the time it was due."""
    context = get_current_context()
    given = context["params"].get("day")
    if given:
        return str(given)
    when = context.get("logical_date") or context["dag_run"].run_after
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def drop_folder() -> Path:
    """The folder that people drop photos in."""
    return Path(setting("DANDELION_DROP_FOLDER"))


def share_of_a_day() -> int:
    """How many photos of each class a day gets."""
    value = os.environ.get("DANDELION_SHARE") or str(SHARE)
    if not value.isdecimal():
        raise SettingsError("DANDELION_SHARE", f"{value!r} is no whole number", "Correct it")
    return int(value)


def setting(name: str) -> str:
    """A setting that has no default."""
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(f"setting {name}", "it is not set", "Set it where Airflow's tasks run")
    return value


@contextmanager
def permanent_errors_fail_at_once() -> Iterator[None]:
    """Spare Airflow the retries that cannot help. Everything else is tried again."""
    try:
        yield
    except PermanentError as error:
        raise AirflowFailException(str(error)) from error


data_ingestion()
