"""Photos on their way in, from a source to a day's landing folder.

Nothing is copied that is there already: a photo is known by its content and its label. Nor is a
photo that its source has moved to another label: the record of the import says so (see
`imports`), and the photo that landed earlier has the new label from then on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pyarrow.compute as pc

from dandelion_pipeline.ingest.changes import SourceFile
from dandelion_pipeline.ingest.intake import raw_columns
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.ingest.verdicts import UNREADABLE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex

FIRST_DAY = "2025-01-01"


@dataclass(frozen=True)
class ImportSummary:
    """What an import did."""

    copied: int
    skipped: int
    """Photos that the store has already, under the same label or moved by this source."""

    files: tuple[SourceFile, ...]
    """Everything that the source held."""


def import_photos(
    store: Store,
    photos: Iterable[SourcePhoto],
    day: str,
    on_photo: Callable[[int], None] = lambda done: None,
    earlier: Mapping[str, Set[str]] | None = None,
) -> ImportSummary:
    """Copy photos to the landing folder of a day, except those that landed before.

    Args:
        store: where to.
        photos: where from.
        day: ``YYYY-MM-DD``.
        on_photo: called with the number of photos seen so far.
        earlier: the labels under which earlier imports found the source's photos, by SHA-256.
    """
    known = landed_photos(store)
    seen: set[tuple[str, str]] = set()
    files: list[SourceFile] = []
    copied = skipped = 0

    def new_photos() -> Iterator[SourcePhoto]:
        nonlocal skipped
        for photo in photos:
            sha256 = sha256_hex(photo.data)
            identity = (photo.label, sha256)
            is_new = identity not in known and identity not in seen
            seen.add(identity)
            files.append(_file(photo, sha256))
            was = (earlier or {}).get(sha256, frozenset())
            if is_new and not any((label, sha256) in known for label in was):
                yield photo
            else:
                skipped += 1
                on_photo(copied + skipped)

    for _ in _Landing(store, day).put_all(new_photos()):
        copied += 1
        on_photo(copied + skipped)
    return ImportSummary(copied, skipped, tuple(files))


def landed_photos(store: Store) -> set[tuple[str, str]]:
    """Label and SHA-256 of everything that ever landed, taken in or not."""
    # What could not be read has no hash yet, and may be read now.
    rows = raw_columns(store, "key", "label", "sha256", "reason")
    rows = rows.filter(pc.not_equal(rows["reason"], UNREADABLE))
    known = set(zip(rows["label"].to_pylist(), rows["sha256"].to_pylist(), strict=True))
    taken_in = set(rows["key"].to_pylist())
    waiting = {
        o.key: place[1]
        for o in store.survey(layout.LANDING).objects
        if o.key not in taken_in and (place := layout.split_landing_key(o.key))
    }
    known.update(
        (waiting[key], sha256_hex(data))
        for key, data in store.read_many(waiting)
        if isinstance(data, bytes)
    )
    return known


def second_name(sha256: str, name: str) -> str:
    """What a photo is called in a landing folder where its name is taken by another one."""
    return f"{sha256[:12]}-{PurePosixPath(name).name}"


def today() -> str:
    """The day it is (UTC), as landing folders are named."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def is_ingested(day: str) -> bool:
    """Whether photos of a day are looked at: from `FIRST_DAY` to today."""
    return FIRST_DAY <= day <= today()


class _Landing:
    """A day's landing folder, in which no file is ever replaced."""

    def __init__(self, store: Store, day: str) -> None:
        self._store = store
        self._day = day
        self._taken = {o.key for o in store.survey(layout.landing_day(day)).objects}
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
        name = second_name(sha256_hex(photo.data), photo.name)
        return layout.landing_photo(self._day, photo.label, name)


def _file(photo: SourcePhoto, sha256: str) -> SourceFile:
    path = photo.path or f"{photo.label}/{photo.name}"
    return SourceFile(path, photo.label, photo.name, sha256, photo.group, photo.split)
