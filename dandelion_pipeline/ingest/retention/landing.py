"""Landed files whose photos are safe elsewhere: they may go, if a setting says so.

The pipeline's own photos lie in ``images/``; a landing folder is what people and the legacy DAG put
there.
"""

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.ingest.retention.cleared import cleared, write_down
from dandelion_pipeline.ingest.spelling import RAW_IMAGES
from dandelion_pipeline.ingest.verdicts import ACCEPTED, DUPLICATE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.records.tables import last_table
from dandelion_pipeline.storage.retention import Deleted, delete_all


def clear_landing(store: Store, first_kept: str) -> Deleted:
    """Delete the landed files of the days before one, but for those whose photo is not safe.

    A file goes if the last intake of its day read it as it is now and accepted it, and the photo
    lies in ``images/`` at its full size. What was rejected or never read stays.

    Args:
        store: the store. No ingestion may run meanwhile.
        first_kept: ``YYYY-MM-DD``.
    """
    landed: dict[str, list[StoredObject]] = {}
    for found in store.survey(layout.LANDING).objects:
        place = layout.split_landing_key(found.key)
        if place and place[0] < first_kept:
            landed.setdefault(place[0], []).append(found)
    sizes = {photo.key: photo.size for photo in store.list_objects(layout.IMAGES)} if landed else {}
    total = Deleted()
    for day, files in landed.items():
        safe = _safe(store, day, files, sizes)
        if safe:
            write_down(store, day, {file.key for file in safe})
            gone = delete_all(store, safe)
            total = Deleted(total.objects + gone.objects, total.bytes + gone.bytes)
    return total


def kept_rows(store: Store, day: str, before: pa.Table, found: list[StoredObject]) -> pa.Table:
    """The rows of an earlier intake whose files have been cleared, and have not come again."""
    gone = cleared(store, day).difference(file.key for file in found)
    return before.filter(pc.is_in(before["key"], pa.array(sorted(gone), pa.string())))


def _safe(
    store: Store, day: str, files: list[StoredObject], sizes: dict[str, int]
) -> list[StoredObject]:
    raw = last_table(store, layout.table(RAW_IMAGES, day))
    if raw is None:
        return []
    rows = {row["key"]: row for row in raw.to_pylist() if row["status"] in (ACCEPTED, DUPLICATE)}
    return [
        file
        for file in files
        if (row := rows.get(file.key))
        and row["modified"] == file.modified.isoformat()
        and sizes.get(layout.image(row["sha256"])) == file.size
    ]
