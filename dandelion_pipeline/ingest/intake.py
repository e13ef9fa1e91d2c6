"""The intake of a day: each landed file is accepted, a duplicate, ignored, or rejected."""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import ImageRefused, StoreError
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.sample.photos import is_sample
from dandelion_pipeline.ingest.retention.landing import kept_rows
from dandelion_pipeline.ingest.spelling import RAW_IMAGES, spelling
from dandelion_pipeline.ingest.verdicts import (
    ACCEPTED,
    DUPLICATE,
    IGNORED,
    REJECTED,
    UNREADABLE,
    Verdict,
    by_name,
    of_odd,
)
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import keep
from dandelion_pipeline.storage.objects.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import read_table

__all__ = [
    "ACCEPTED",
    "DUPLICATE",
    "IGNORED",
    "RAW_IMAGES",
    "RAW_SCHEMA",
    "REJECTED",
    "Intake",
    "counts",
    "intake_rows",
    "real_labels",
    "take_in",
    "waiting_days",
    "waiting_files",
]

_CHUNK = 1_000  # rows that are Python objects at once: some 2 MB

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
    ]
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
) -> Intake:
    """Judge every file in a day's landing folder, and keep the accepted photos by content.

    Args:
        store: the store.
        day: ``YYYY-MM-DD``.
        before: the table of the day's last intake; its files are not read again.
        on_photo: called with the files done and the files to do.
    """
    listed = store.survey(layout.landing_day(day))
    spelled = spelling(store, day, before, listed.objects)
    fresh, known = _fresh(listed.objects, before)
    gone = RAW_SCHEMA.empty_table()
    if before is not None:
        gone = kept_rows(store, day, before, listed.objects)
    unread = [_row(file, b"", verdict, spelled) for file, verdict in map(of_odd, listed.odd)]
    files: deque[StoredObject] = deque()
    for file in fresh:
        verdict = by_name(file)
        if verdict:
            unread.append(_row(file, b"", verdict, spelled))
        else:
            files.append(file)
    del fresh, listed  # so a listing of 100,000 files makes room for their table as it grows
    judged, stored = _judge_all(store, files, spelled, on_photo)
    table = pa.concat_tables([known, gone, judged, pa.Table.from_pylist(unread, schema=RAW_SCHEMA)])
    return Intake(_with_duplicates(table), read=judged.num_rows + len(unread), stored=stored)


def counts(table: pa.Table) -> dict[str, int]:
    """Files by status."""
    counted = {one["values"]: one["counts"] for one in table["status"].value_counts().to_pylist()}
    return {name: counted.get(name, 0) for name in (ACCEPTED, DUPLICATE, REJECTED, IGNORED)}


def intake_rows(store: Store) -> list[dict[str, str]]:
    """The rows of all intakes so far."""
    tables = store.list_objects(f"{layout.TABLES}{RAW_IMAGES}/")
    return [row for o in tables for row in read_table(store, o.key).to_pylist()]


def real_labels(store: Store) -> set[str]:
    """The labels of accepted photos that were not generated."""
    return {
        row["label"]
        for row in intake_rows(store)
        if row["status"] == ACCEPTED and not row["is_sample"]
    }


def waiting_files(store: Store) -> dict[str, list[StoredObject]]:
    """Files that no intake has seen as they are now, by the day of their landing folder."""
    seen = {(row["key"], row["modified"]) for row in intake_rows(store)}
    waiting: dict[str, list[StoredObject]] = defaultdict(list)
    for found in store.survey(layout.LANDING).objects:
        place = layout.split_landing_key(found.key)
        if place and by_name(found) is None and (found.key, _modified(found)) not in seen:
            waiting[place[0]].append(found)
    return dict(sorted(waiting.items()))


def waiting_days(store: Store) -> list[str]:
    """Days whose landing folder holds files that no intake has seen as they are now."""
    return list(waiting_files(store))


def _fresh(
    found: list[StoredObject], before: pa.Table | None
) -> tuple[list[StoredObject], pa.Table]:
    """Files that are new or changed, and what an earlier intake said of the others."""
    if before is None:
        return found, RAW_SCHEMA.empty_table()
    row = pc.index_in(pa.array([o.key for o in found], pa.string()), before["key"].combine_chunks())
    modified = pa.array([_modified(o) for o in found], pa.string())
    read_before = pc.not_equal(before["reason"], UNREADABLE).take(row)  # else it is tried again
    same = pc.and_(pc.equal(before["modified"].take(row), modified), read_before)
    same = pc.fill_null(same, fill_value=False)
    fresh = [o for o, is_same in zip(found, same.to_pylist(), strict=True) if not is_same]
    return fresh, before.take(row.filter(same.combine_chunks()))


def _judge_all(
    store: Store,
    files: deque[StoredObject],
    spelled: Mapping[str, str],
    on_photo: Callable[[int, int], None],
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
        lambda item: (_row(*item, _verdict(*item), spelled), _bytes(item[1])),
        ((under_way.popleft(), data) for _, data in contents),
        size_of=lambda item: item[0].size,
        concurrency=os.cpu_count() or 1,
    )
    kept = ordered_parallel_map(
        lambda item: (item[0], item[0]["status"] == ACCEPTED and keep(store, item[1])),
        judged,
        size_of=lambda item: len(item[1]),
    )
    batches, stored = [], 0
    with closing(contents), closing(judged), closing(kept):  # or they would hold their threads
        for start in range(0, total, _CHUNK):
            rows = []
            for row, is_new in islice(kept, _CHUNK):
                rows.append(row)
                stored += is_new
                on_photo(start + len(rows), total)
            batches.append(pa.RecordBatch.from_pylist(rows, schema=RAW_SCHEMA))
    return pa.Table.from_batches(batches, schema=RAW_SCHEMA), stored


def _bytes(data: bytes | StoreError) -> bytes:
    return b"" if isinstance(data, StoreError) else data


def _row(
    file: StoredObject, data: bytes | StoreError, verdict: Verdict, spelled: Mapping[str, str]
) -> dict[str, object]:
    day, label, name = layout.split_landing_key(file.key) or ("", "", file.key)
    return {
        "key": file.key,
        "day": day,
        "label": spelled.get(label, label),
        "name": name,
        "size": file.size,
        "modified": _modified(file),
        "sha256": sha256_hex(_bytes(data)),
        **asdict(verdict),
    }


def _verdict(file: StoredObject, data: bytes | StoreError) -> Verdict:
    if isinstance(data, StoreError):
        return Verdict(REJECTED, UNREADABLE, f"it cannot be read: {data.why}")
    try:
        photo = decode(data)
    except ImageRefused as refusal:
        return Verdict(REJECTED, refusal.reason, str(refusal))
    return Verdict(ACCEPTED, format=photo.format, is_sample=is_sample(photo))


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


def _modified(file: StoredObject) -> str:
    return file.modified.isoformat()
