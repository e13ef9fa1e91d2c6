"""Photos come in by the day, and a day is a partition once there is something to do on it.

Days are UTC dates, ``YYYY-MM-DD``. Whoever asks for a run of a day adds the day first (`add_days`),
so Dagster knows the days that have photos and no others (docs/adr/0056).
"""

from collections.abc import Iterable
from datetime import date

import dagster as dg

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.landing import FIRST_DAY, is_ingested, today

photo_days = dg.DynamicPartitionsDefinition(name="photo_days")
"""Days on which photos landed."""

feedback_days = dg.DynamicPartitionsDefinition(name="feedback_days")
"""Days of whose answers people said something."""

airflow_days = dg.DynamicPartitionsDefinition(name="airflow_days")
"""Days that Airflow uploaded photos for."""

_FIRST_ASSET = {
    "photo_days": "raw_images",
    "feedback_days": "feedback",
    "airflow_days": "data_ingestion",
}


def add_days(
    instance: dg.DagsterInstance, kind: dg.DynamicPartitionsDefinition, days: Iterable[str]
) -> None:
    """Make days partitions, so that runs may be asked for. Those that are stay so.

    An instance of the time when every day since 2025 was a partition has events and no days: the
    days that were materialised are then added too.
    """
    name = str(kind.name)
    known, wanted = set(instance.get_dynamic_partitions(name)), set(days)
    if not known:
        wanted |= instance.get_materialized_partitions(dg.AssetKey(_FIRST_ASSET[name]))
    new = sorted(filter(_is_day, wanted - known))
    if new:
        instance.add_dynamic_partitions(name, new)


def day_of(context: dg.AssetExecutionContext) -> str:
    """The day that a run is for.

    Raises:
        SettingsError: somebody added a partition by hand that is no day, or not one that photos
            are looked at on.
    """
    day = str(context.partition_key)
    if not _is_day(day):
        raise SettingsError(
            f"the partition {day!r}",
            f"it is no day from {FIRST_DAY} to today ({today()}, UTC), written as YYYY-MM-DD",
            "Delete it in Dagster, and materialise a day that has photos",
        )
    return day


def _is_day(key: str) -> bool:
    try:
        written = date.fromisoformat(key).isoformat()
    except ValueError:
        return False
    return written == key and is_ingested(key)
