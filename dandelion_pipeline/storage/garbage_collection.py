"""What a store holds that nobody needs, and what is damaged: the shared part.

Photos and models have `garbage_collection` modules of their own, which know what is needed.
"""

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import read_snapshot, read_table


@dataclass(frozen=True)
class Orphan:
    """Something that nothing refers to: a photo, a bundle-to-be, an unfinished write."""

    name: str
    why: str
    objects: tuple[StoredObject, ...]
    needed_if: str | None = None
    """A key: once an object has it, this is no orphan any more."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(o.size for o in self.objects)

    @property
    def modified(self) -> datetime:
        """When the newest part was written (UTC)."""
        return max(o.modified for o in self.objects)


@dataclass(frozen=True)
class Damage:
    """An object that is missing or not what it should be."""

    name: str
    why: str


def older_than(orphans: Iterable[Orphan], grace: timedelta) -> list[Orphan]:
    """Those that were last written longer ago than the grace period."""
    latest = datetime.now(UTC) - grace
    return [orphan for orphan in orphans if orphan.modified < latest]


def remove(store: Store, orphans: Iterable[Orphan]) -> Iterator[tuple[Orphan, bool]]:
    """Remove orphans; each comes back with whether it is gone.

    One that was written again or came to be needed since it was found stays.
    """
    return ordered_parallel_map(lambda orphan: (orphan, _removed(store, orphan)), orphans)


def unfinished_writes(store: Store) -> list[Orphan]:
    """Files that obstore began in a folder and never finished, because a process was killed.

    No listing shows them and nobody reads them. On S3 there are none. What lies in the landing
    folders is people's own, and left alone whatever its name.
    """
    folder = _folder(store)
    if folder is None:
        return []
    return [
        Orphan(found.key, "a write that was never finished", (found,))
        for prefix in layout.OURS
        for path in sorted((folder / prefix).rglob("*#*"))
        if _STAGED.search(path.name) and (found := _staged(folder, path))
    ]


def abandoned_trainings(store: Store) -> list[Orphan]:
    """Checkpoints. One that is old belongs to a training that was killed and never tried again."""
    return [
        Orphan(found.key, "a training that never ended", (found,))
        for found in store.list_objects(layout.CHECKPOINTS)
    ]


def abandoned_steps(store: Store) -> list[Orphan]:
    """What steps have done that were killed and never tried again: see `records.parts`.

    The parts of a step are one orphan, as old as its newest part: while a step works, none goes.
    """
    steps: dict[str, list[StoredObject]] = {}
    for found in store.list_objects(layout.PARTS):
        steps.setdefault(f"{found.key.rpartition('/')[0]}/", []).append(found)
    return [Orphan(name, "a step that never ended", tuple(parts)) for name, parts in steps.items()]


def tables(store: Store) -> list[StoredObject]:
    """Every table: those of the assets, the records of imports, and the assigned splits."""
    prefixes = (layout.TABLES, layout.IMPORTS, layout.SPLITS)
    return [o for prefix in prefixes for o in store.list_objects(prefix)]


def damaged_tables(store: Store) -> Iterator[Damage | None]:
    """Read every table: one result for each, None if it is as it was written."""
    for found in tables(store):
        try:
            place = layout.split_snapshot_key(found.key)
            read_snapshot(store, *place) if place else read_table(store, found.key)
        except ObjectDamaged as error:
            yield Damage(found.key, error.why)
        except ObjectNotFound:
            if not found.key.startswith(layout.PARTS):  # its step has ended
                raise
            yield None
        else:
            yield None


_STAGED = re.compile(r"#\d+$")  # object_store's name for a file that is being written


def _removed(store: Store, orphan: Orphan) -> bool:
    if orphan.needed_if is not None and store.exists(orphan.needed_if):
        return False
    folder = _folder(store)
    if folder is not None and _STAGED.search(orphan.name):
        (folder / orphan.name).unlink(missing_ok=True)
        return True
    if any(_was_written_again(store, o) for o in orphan.objects):
        return False
    for found in orphan.objects:
        store.delete(found.key)
    return True


def _was_written_again(store: Store, listed: StoredObject) -> bool:
    now = store.look_up(listed.key)
    if now is None:
        return False
    # S3 tells whole seconds of one object, and MinIO milliseconds in a listing.
    times = (now.modified.replace(microsecond=0), listed.modified.replace(microsecond=0))
    return now.size != listed.size or times[0] != times[1]


def _folder(store: Store) -> Path | None:
    parts = urlsplit(store.url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _staged(folder: Path, path: Path) -> StoredObject | None:
    try:
        status = path.lstat()
    except FileNotFoundError:  # it has just been finished
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return StoredObject(path.relative_to(folder).as_posix(), status.st_size, modified)
