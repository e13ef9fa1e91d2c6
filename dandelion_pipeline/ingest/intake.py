"""The intake of a day: each landed file is accepted, a duplicate, ignored, or rejected."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.ingest.judging import Inspection, judge, row_of_file
from dandelion_pipeline.ingest.retention.landing import kept_rows
from dandelion_pipeline.ingest.spelling import RAW_IMAGES, spelling
from dandelion_pipeline.ingest.unread import read_before, row_of
from dandelion_pipeline.ingest.verdicts import (
    ACCEPTED,
    DUPLICATE,
    IGNORED,
    REJECTED,
    UNREADABLE,
    by_name,
    of_odd,
)
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import keep
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.parts import Parts, in_parts, told
from dandelion_pipeline.storage.records.tables import read_table

__all__ = [
    "ACCEPTED",
    "DUPLICATE",
    "IGNORED",
    "RAW_IMAGES",
    "RAW_SCHEMA",
    "REJECTED",
    "STOPPED",
    "Intake",
    "counts",
    "forget_parts",
    "raw_columns",
    "real_labels",
    "stopped",
    "take_in",
]

STOPPED = "stopped"
"""The metadata entry of a raw or a clean table that says why its day was stopped; empty if it was
not. Tables of before 2026-12 have none."""

RAW_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("modified", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("is_sample", pa.bool_(), nullable=False),
    ],
    metadata={STOPPED: ""},
)


@dataclass(frozen=True)
class Intake:
    """What the intake of a day's landing folder did."""

    table: pa.Table
    """One row a file, of `RAW_SCHEMA`: accepted, duplicate, rejected or ignored."""

    read: int
    """Files that were new or changed since the last intake."""

    stored: int
    """Photos that were not in ``images/`` before."""


def take_in(
    store: Store,
    day: str,
    before: pa.Table | None,
    on_photo: Callable[[int, int], None] = lambda done, total: None,
    inspection: Inspection | None = None,
) -> Intake:
    """Judge every file in a day's landing folder, and keep the accepted photos by content.

    Args:
        store: the store.
        day: ``YYYY-MM-DD``.
        before: the table of the day's last intake; its files are not read again, and neither are
            those that an intake has read which was killed. `forget_parts` once the table is
            written.
        on_photo: called with the files done and the files to do.
        inspection: what else is made of the photos that are accepted.
    """
    parts = Parts(store, RAW_IMAGES, day, RAW_SCHEMA)
    begun = parts.take_over()
    before = begun if before is None else pa.concat_tables([begun, before])
    listed = store.survey(layout.landing_day(day))
    spelled = spelling(store, day, before, listed.objects)
    fresh, known = _fresh(listed.objects, before)
    gone = RAW_SCHEMA.empty_table()
    if before is not None:
        gone = kept_rows(store, day, before, listed.objects)
    del begun, before
    unread = [row_of_file(file, b"", verdict, spelled) for file, verdict in map(of_odd, listed.odd)]
    files: deque[StoredObject] = deque()
    for file in fresh:
        verdict = by_name(file)
        if verdict:
            unread.append(row_of_file(file, b"", verdict, spelled))
        else:
            files.append(file)
    del fresh, listed  # so a listing of 100,000 files makes room for their table as it grows
    judged, stored = _judge_all(store, files, spelled, parts, on_photo, inspection)
    rest = pa.Table.from_pylist(unread, schema=RAW_SCHEMA)
    table = pa.concat_tables([known, gone, judged, rest])
    table = table.replace_schema_metadata(RAW_SCHEMA.metadata)  # and not that of `before`
    return Intake(_with_duplicates(table), read=judged.num_rows + len(unread), stored=stored)


def forget_parts(store: Store, day: str) -> None:
    """Remove what `take_in` kept in case it was killed: the day's table is written."""
    Parts(store, RAW_IMAGES, day, RAW_SCHEMA).remove()


def stopped(table: pa.Table, why: str) -> pa.Table:
    """The same raw or clean table, which says why its day was stopped; empty if it was not."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), STOPPED.encode(): why})


def counts(table: pa.Table) -> dict[str, int]:
    """Files by status."""
    counted = {one["values"]: one["counts"] for one in table["status"].value_counts().to_pylist()}
    return {name: counted.get(name, 0) for name in (ACCEPTED, DUPLICATE, REJECTED, IGNORED)}


def raw_columns(store: Store, *names: str) -> pa.Table:
    """Some columns of all intakes so far."""
    tables = store.list_objects(f"{layout.TABLES}{RAW_IMAGES}/")
    empty = RAW_SCHEMA.empty_table().select(names)
    return pa.concat_tables([empty, *(read_table(store, o.key).select(names) for o in tables)])


def real_labels(store: Store) -> set[str]:
    """The labels of accepted photos that were not generated."""
    rows = raw_columns(store, "label", "status", "is_sample")
    real = pc.and_not(pc.equal(rows["status"], ACCEPTED), rows["is_sample"])
    return set(pc.unique(rows["label"].filter(real)).to_pylist())


def _fresh(found: list[StoredObject], before: pa.Table) -> tuple[list[StoredObject], pa.Table]:
    """Files that are new or changed, and what an earlier intake said of the others."""
    row = row_of(found, before)
    reason = before["reason"].combine_chunks().take(row)
    was_readable = pc.fill_null(pc.not_equal(reason, UNREADABLE), fill_value=False)
    same = pc.and_(read_before(found, before), was_readable)  # else it is tried again
    fresh = [o for o, is_same in zip(found, same.to_pylist(), strict=True) if not is_same]
    return fresh, before.take(row.filter(same))


def _judge_all(
    store: Store,
    files: deque[StoredObject],
    spelled: Mapping[str, str],
    parts: Parts,
    on_photo: Callable[[int, int], None],
    inspection: Inspection | None,
) -> tuple[pa.Table, int]:
    """Read, judge and keep, each with the number of threads that suits it. Takes all files.

    Returns:
        A table of `RAW_SCHEMA`, and how many photos were not kept before.
    """
    total = len(files)
    under_way: deque[StoredObject] = deque()

    def keys() -> Iterator[str]:
        while files:
            under_way.append(files.popleft())
            yield under_way[-1].key

    contents = store.read_many(keys())
    judged = ordered_parallel_map(
        lambda item: judge(*item, spelled, inspection),
        ((under_way.popleft(), data) for _, data in contents),
        size_of=lambda item: item[0].size,
        concurrency=os.cpu_count() or 1,
    )
    kept = ordered_parallel_map(
        lambda one: replace(one, is_new=one.is_accepted and keep(store, one.data), data=b""),
        judged,
        size_of=lambda one: len(one.data),
    )
    batches, stored, done = [], 0, 0
    old: dict[str, str] = {}
    with closing(contents), closing(judged), closing(kept):  # or they would hold their threads
        for part in in_parts(told(kept, total, on_photo)):
            done += len(part)
            stored += sum(one.is_new for one in part)
            rows = [one.row for one in part]
            old |= {one.sha256: one.key for one in part if one.is_accepted and not one.is_new}
            batches.append(pa.RecordBatch.from_pylist(rows, schema=RAW_SCHEMA))
            if inspection is not None:
                photos = [one for one in part if one.found]
                inspection.keep([one.sha256 for one in photos], [one.found for one in photos])
            if done < total:
                parts.add(pa.Table.from_batches(batches[-1:]))
    _keep_again(store, old)
    return pa.Table.from_batches(batches, schema=RAW_SCHEMA), stored


def _keep_again(store: Store, old: Mapping[str, str]) -> None:
    """See that photos are there which were there before this intake, by the keys they landed as.

    `dandelion store gc` may have taken one for an orphan, and removed it in the very moment in
    which it was kept again.
    """
    there = ordered_parallel_map(lambda sha256: store.exists(layout.image(sha256)), old)
    for (_, key), is_there in zip(old.items(), there, strict=True):
        if not is_there:
            keep(store, store.get(key))


def _with_duplicates(table: pa.Table) -> pa.Table:
    """Of equal photos under one label, the first by key is accepted and the others are marked."""
    keys = table["key"]
    if not pc.all(
        pc.less(keys[:-1], keys[1:]), min_count=0
    ).as_py():  # else it would lie there twice
        table = table.take(pc.sort_indices(keys))
    status = np.where(pc.equal(table["status"], REJECTED), 2, 0).astype(np.int8)
    status[np.asarray(pc.equal(table["status"], IGNORED), dtype=bool)] = 3
    rows = _repeated(table["sha256"])
    rows = rows[status[rows] == 0]
    seen: set[tuple[str, str]] = set()
    for row, photo in zip(
        rows, table.select(["label", "sha256"]).take(rows).to_pylist(), strict=True
    ):
        identity = (photo["label"], photo["sha256"])
        status[row] = identity in seen
        seen.add(identity)
    at = RAW_SCHEMA.get_field_index("status")
    said = pa.array([ACCEPTED, DUPLICATE, REJECTED, IGNORED]).take(pa.array(status))
    return table.set_column(at, RAW_SCHEMA.field(at), said)


def _repeated(hashes: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The rows whose hash may be that of another row: it begins with the same 64 bits."""
    starts = pc.utf8_slice_codeunits(hashes, 0, 16)
    order = pc.sort_indices(starts).to_numpy().astype(np.int64)
    starts = starts.take(order)
    same = np.asarray(pc.equal(starts[1:], starts[:-1]), dtype=bool)
    return np.union1d(order[1:][same], order[:-1][same])
