"""What is old enough to be deleted where a setting says so: answers, and what steps printed.

Nothing is deleted unless somebody asks for it. `ingest.retention` has the landing folders.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.predictions import read_predictions

_TABLE = re.compile(rf"{layout.PREDICTIONS}(\d{{4}}-\d\d-\d\d)/[^/]+\.parquet")


@dataclass(frozen=True)
class Deleted:
    """What is gone."""

    objects: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return f"{self.objects} files deleted, {self.bytes} bytes"


def day_before(days: int) -> str:
    """The first day (``YYYY-MM-DD``, UTC) that is kept if so many days before today are."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


def delete_all(store: Store, found: Iterable[StoredObject]) -> Deleted:
    """Delete objects, and count them."""
    chosen = list(found)
    for _ in ordered_parallel_map(lambda one: store.delete(one.key), chosen):
        pass
    return Deleted(len(chosen), sum(one.size for one in chosen))


def delete_predictions(store: Store, first_kept: str) -> Deleted:
    """Delete what was answered before a day (``YYYY-MM-DD``, UTC).

    Photos that were kept with the answers go with the last answer that names them.
    """
    tables = {
        found: match[1]
        for found in store.list_objects(layout.PREDICTIONS)
        if (match := _TABLE.fullmatch(found.key))
    }
    named: set[str] = set()
    for day in sorted({day for day in tables.values() if day >= first_kept}):
        named.update(read_predictions(store, day)["photo_sha256"].to_pylist())
    photos = [
        found
        for found in store.list_objects(layout.answered_photos())
        if f"{found.modified:%Y-%m-%d}" < first_kept and found.key.rsplit("/", 1)[1] not in named
    ]
    return delete_all(store, [*(one for one, day in tables.items() if day < first_kept), *photos])


def delete_step_output(store: Store, first_kept: str) -> Deleted:
    """Delete what steps printed before a day, where Dagster keeps that in the bucket."""
    found = store.list_objects(layout.STEP_OUTPUT)
    return delete_all(store, [one for one in found if f"{one.modified:%Y-%m-%d}" < first_kept])
