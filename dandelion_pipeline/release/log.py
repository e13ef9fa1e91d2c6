"""The release log: numbered entries, created only if absent, never changed.

The highest number is live. Two writers that want the same number cannot both have it:
the store's create-if-absent decides, and the loser looks again and takes the next.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dandelion_pipeline.errors import NothingReleased, ReleaseError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store


class Release(BaseModel):
    """One entry of the log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    action: Literal["promote", "rollback"]
    version: str
    previous: str | None
    """The version that was live before."""

    who: str
    when: str
    """ISO 8601, UTC."""

    why: str


def live(store: Store) -> Release:
    """The entry that is in force.

    Raises:
        NothingReleased: the log is empty.
        ReleaseError: the entry cannot be read.
    """
    number = _highest(store)
    if number == 0:
        raise NothingReleased(
            f"no model is live in {store.url}",
            "none has been published yet",
            "Publish one: `make run IMAGES=folder`, or `make run` for a sample",
        )
    return _read(store, number)


def live_or_none(store: Store) -> Release | None:
    """The entry that is in force, or None while the log is empty."""
    try:
        return live(store)
    except NothingReleased:
        return None


def history(store: Store) -> list[Release]:
    """All entries, oldest first."""
    return [_read(store, number) for number in range(1, _highest(store) + 1)]


def promote(store: Store, version: str, *, who: str, why: str) -> Release:
    """Make a version live. A version that is live already stays so, without a new entry."""
    while True:
        current = live_or_none(store)
        if current is not None and current.version == version:
            return current
        entry = Release(
            number=current.number + 1 if current else 1,
            action="promote",
            version=version,
            previous=current.version if current else None,
            who=who,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            why=why,
        )
        document = entry.model_dump_json(indent=2).encode() + b"\n"
        if store.put_if_absent(layout.release(entry.number), document):
            return entry


def _highest(store: Store) -> int:
    names = [o.key.removeprefix(layout.RELEASES) for o in store.list_objects(layout.RELEASES)]
    return max((int(n[:8]) for n in names if n[8:] == ".json" and n[:8].isdigit()), default=0)


def _read(store: Store, number: int) -> Release:
    key = layout.release(number)
    try:
        return Release.model_validate_json(store.get(key))
    except ValidationError as error:
        raise ReleaseError(
            f"the release log entry {store.address(key)}",
            f"it cannot be read ({error.errors()[0]['msg']})",
            "Restore it from a backup; entries are never edited by hand",
        ) from None
