"""Photos on their way in: from a source to ``landing/``, from there to ``images/``.

Nothing is copied that is there already: a photo is known by its content and its label.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pyarrow as pa

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.kept import keep
from dandelion_pipeline.images.sample import is_sample
from dandelion_pipeline.images.sources import SourcePhoto
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.ahead import run_ahead
from dandelion_pipeline.storage.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.tables import read_table

FIRST_DAY = "2025-01-01"
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
class ImportSummary:
    """What an import did."""

    copied: int
    skipped: int
    """Photos that the store has already, under the same label."""

    photos: frozenset[tuple[str, str]]
    """Label and SHA-256 of everything that the source held."""


@dataclass(frozen=True)
class Intake:
    """What the intake of a day's landing folder did."""

    table: pa.Table
    """One row a file, of `RAW_SCHEMA`: accepted, duplicate or rejected."""

    read: int
    """Files that were new or changed since the last intake."""

    stored: int
    """Photos that were not in ``images/`` before."""


def import_photos(
    store: Store,
    photos: Iterable[SourcePhoto],
    day: str,
    on_photo: Callable[[int], None] = lambda done: None,
) -> ImportSummary:
    """Copy photos to the landing folder of a day, except those that landed before.

    Args:
        store: where to.
        photos: where from.
        day: ``YYYY-MM-DD``.
        on_photo: called with the number of photos seen so far.
    """
    known = landed_photos(store)
    seen: set[tuple[str, str]] = set()
    copied = skipped = 0

    def new_photos() -> Iterator[SourcePhoto]:
        nonlocal skipped
        for photo in photos:
            identity = (photo.label, sha256_hex(photo.data))
            is_new = identity not in known and identity not in seen
            seen.add(identity)
            if is_new:
                yield photo
            else:
                skipped += 1
                on_photo(copied + skipped)

    for _ in _Landing(store, day).put_all(new_photos()):
        copied += 1
        on_photo(copied + skipped)
    return ImportSummary(copied, skipped, frozenset(seen))


def landed_photos(store: Store) -> set[tuple[str, str]]:
    """Label and SHA-256 of everything that ever landed, taken in or not."""
    rows = intake_rows(store)
    known = {(row["label"], row["sha256"]) for row in rows}
    taken_in = {row["key"] for row in rows}
    waiting = {
        o.key: place[1]
        for o in store.list_objects(layout.LANDING)
        if o.key not in taken_in and (place := layout.split_landing_key(o.key))
    }
    known.update((waiting[key], sha256_hex(data)) for key, data in store.get_many(waiting))
    return known


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


def today() -> str:
    """The day it is (UTC), as landing folders are named."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def is_ingested(day: str) -> bool:
    """Whether photos of a day are looked at: from `FIRST_DAY` to today."""
    return FIRST_DAY <= day <= today()


def waiting_days(store: Store) -> list[str]:
    """Days whose landing folder holds files that no intake has seen as they are now."""
    seen = {(row["key"], row["modified"]) for row in intake_rows(store)}
    days = {
        place[0]
        for o in store.list_objects(layout.LANDING)
        if (place := layout.split_landing_key(o.key)) and (o.key, _modified(o)) not in seen
    }
    return sorted(days)


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
    rows, stored = _judge_all(store, fresh, on_photo)
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


class _Landing:
    """A day's landing folder, in which no file is ever replaced."""

    def __init__(self, store: Store, day: str) -> None:
        self._store = store
        self._day = day
        self._taken = {o.key for o in store.list_objects(layout.landing_day(day))}
        self._under_way: dict[str, SourcePhoto] = {}

    def put_all(self, photos: Iterable[SourcePhoto]) -> Iterator[SourcePhoto]:
        """Write photos, and yield each that is safe."""
        for key, written in self._store.put_many(map(self._addressed, photos), if_absent=True):
            photo = self._under_way.pop(key)
            if not written and self._store.get(key) != photo.data:  # somebody else just took it
                self._store.put(self._second_choice(photo), photo.data)
            yield photo

    def _addressed(self, photo: SourcePhoto) -> tuple[str, bytes]:
        key = layout.landing_photo(self._day, photo.label, photo.name)
        if key in self._taken:
            key = self._second_choice(photo)
        self._taken.add(key)
        self._under_way[key] = photo
        return key, photo.data

    def _second_choice(self, photo: SourcePhoto) -> str:
        name = f"{sha256_hex(photo.data)[:12]}-{PurePosixPath(photo.name).name}"
        return layout.landing_photo(self._day, photo.label, name)


def _judge_all(
    store: Store, files: Sequence[StoredObject], on_photo: Callable[[int, int], None]
) -> tuple[list[dict[str, object]], int]:
    """Read, judge and keep, each with the number of threads that suits it."""
    contents = store.get_many(file.key for file in files)
    judged = run_ahead(
        lambda item: (_row(*item), item[1]),
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
    for row, is_new in kept:
        rows.append(row)
        stored += is_new
        on_photo(len(rows), len(files))
    return rows, stored


def _row(file: StoredObject, data: bytes) -> dict[str, object]:
    day, label, name = layout.split_landing_key(file.key) or ("", "", file.key)
    return {
        "key": file.key,
        "day": day,
        "label": label,
        "name": name,
        "size": file.size,
        "modified": _modified(file),
        "sha256": sha256_hex(data),
        **asdict(_verdict(data) if label else _MISPLACED),
    }


_MISPLACED = _Verdict(REJECTED, "misplaced", "it does not lie in landing/<day>/<label>/")


def _verdict(data: bytes) -> _Verdict:
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
