"""The intake of a day: each file of its landing folder is accepted, a duplicate, or rejected."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

import pyarrow as pa

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.kept import keep
from dandelion_pipeline.images.sample import is_sample
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.ahead import run_ahead
from dandelion_pipeline.storage.failures import is_key
from dandelion_pipeline.storage.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.tables import read_table

RAW_IMAGES = "raw_images"
ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"

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
    """One row a file, of `RAW_SCHEMA`: accepted, duplicate or rejected."""

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
    found = store.list_objects(layout.landing_day(day))
    earlier = {(r["key"], r["modified"]): r for r in (before.to_pylist() if before else [])}
    fresh = [o for o in found if (o.key, _modified(o)) not in earlier]
    odd = [file for file in fresh if not is_key(file.key)]
    rows, stored = _judge_all(store, [file for file in fresh if is_key(file.key)], on_photo)
    rows += [_row(file, b"", _UNREADABLE) for file in odd]
    current = {(o.key, _modified(o)) for o in found}
    rows += [row for identity, row in earlier.items() if identity in current]
    table = pa.Table.from_pylist(_with_duplicates(rows), schema=RAW_SCHEMA)
    return Intake(table, read=len(fresh), stored=stored)


def counts(table: pa.Table) -> dict[str, int]:
    """Files by status."""
    status: list[str] = table["status"].to_pylist()
    return {name: status.count(name) for name in (ACCEPTED, DUPLICATE, REJECTED)}


@dataclass(frozen=True)
class _Verdict:
    status: str
    reason: str = ""
    detail: str = ""
    format: str = ""
    is_sample: bool = False


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
    for found in store.list_objects(layout.LANDING):
        place = layout.split_landing_key(found.key)
        if place and (found.key, _modified(found)) not in seen:
            waiting[place[0]].append(found)
    return dict(sorted(waiting.items()))


def waiting_days(store: Store) -> list[str]:
    """Days whose landing folder holds files that no intake has seen as they are now."""
    return list(waiting_files(store))


def _judge_all(
    store: Store, files: Sequence[StoredObject], on_photo: Callable[[int, int], None]
) -> tuple[list[dict[str, object]], int]:
    """Read, judge and keep, each with the number of threads that suits it."""
    contents = store.get_many(file.key for file in files)
    judged = run_ahead(
        lambda item: (_row(*item, _verdict(*item)), item[1]),
        ((file, data) for file, (_, data) in zip(files, contents, strict=True)),
        size_of=lambda item: item[0].size,
        concurrency=os.cpu_count() or 1,
    )
    kept = run_ahead(
        lambda item: (item[0], item[0]["status"] == ACCEPTED and keep(store, item[1])),
        judged,
        size_of=lambda item: len(item[1]),
    )
    rows: list[dict[str, object]] = []
    stored = 0
    with closing(contents), closing(judged), closing(kept):  # or they would hold their threads
        for row, is_new in kept:
            rows.append(row)
            stored += is_new
            on_photo(len(rows), len(files))
    return rows, stored


def _row(file: StoredObject, data: bytes, verdict: _Verdict) -> dict[str, object]:
    day, label, name = layout.split_landing_key(file.key) or ("", "", file.key)
    return {
        "key": file.key,
        "day": day,
        "label": label,
        "name": name,
        "size": file.size,
        "modified": _modified(file),
        "sha256": sha256_hex(data),
        **asdict(verdict),
    }


_UNREADABLE = _Verdict(REJECTED, "unreadable name", "its name ends in # and digits; rename it")
_MISPLACED = _Verdict(REJECTED, "misplaced", "it does not lie in landing/<day>/<label>/")


def _verdict(file: StoredObject, data: bytes) -> _Verdict:
    if layout.split_landing_key(file.key) is None:
        return _MISPLACED
    try:
        photo = decode(data)
    except ImageRefused as refusal:
        return _Verdict(REJECTED, refusal.reason, str(refusal))
    return _Verdict(ACCEPTED, format=photo.format, is_sample=is_sample(photo))


def _with_duplicates(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Of equal photos under one label, the first by key is accepted and the others are marked."""
    seen: set[tuple[object, object]] = set()
    marked = []
    for row in sorted(rows, key=lambda row: str(row["key"])):
        if row["status"] == REJECTED:
            marked.append(row)
            continue
        identity = (row["label"], row["sha256"])
        marked.append({**row, "status": DUPLICATE if identity in seen else ACCEPTED})
        seen.add(identity)
    return marked


def _modified(file: StoredObject) -> str:
    return file.modified.isoformat()
