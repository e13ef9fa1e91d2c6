"""Landed files that no intake has read as they are now."""

from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.ingest.spelling import RAW_IMAGES
from dandelion_pipeline.ingest.verdicts import by_name
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.records.tables import last_table


def unread_files(store: Store) -> dict[str, list[StoredObject]]:
    """Files that no intake has read as they are now, by the day of their landing folder."""
    landed: dict[str, list[StoredObject]] = defaultdict(list)
    for found in store.survey(layout.LANDING).objects:
        place = layout.split_landing_key(found.key)
        if place:
            landed[place[0]].append(found)
    unread = {day: unread_of_day(store, day, files) for day, files in sorted(landed.items())}
    return {day: files for day, files in unread.items() if files}


def unread_of_day(store: Store, day: str, landed: Iterable[StoredObject]) -> list[StoredObject]:
    """Those of a day's landed files that its last intake has not read as they are now.

    What need not be read, such as sidecars, is none of them.
    """
    files = list(landed)
    raw = last_table(store, layout.table(RAW_IMAGES, day)) if files else None
    if raw is not None:
        same = read_before(files, raw).to_pylist()
        files = [file for file, is_same in zip(files, same, strict=True) if not is_same]
    return [file for file in files if by_name(file) is None]


def read_before(files: list[StoredObject], raw: pa.Table) -> pa.Array:
    """Which files are in a table of `intake.RAW_SCHEMA` as they are now: booleans."""
    row = row_of(files, raw)
    modified = pa.array([file.modified.isoformat() for file in files], pa.string())
    same = pc.equal(raw["modified"].combine_chunks().take(row), modified)
    return pc.fill_null(same, fill_value=False)


def row_of(files: list[StoredObject], raw: pa.Table) -> pa.Array:
    """The first row of each file in a table of `intake.RAW_SCHEMA`; null for one that has none."""
    keys = pa.array([file.key for file in files], pa.string())
    return pc.index_in(keys, raw["key"].combine_chunks())
