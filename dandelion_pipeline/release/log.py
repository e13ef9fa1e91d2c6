"""The release log: numbered entries, created only if absent, never changed.

The highest number is live. Two writers that want the same number cannot both have it:
the store's create-if-absent decides, and the loser looks again (see `promotion`).
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dandelion_pipeline.errors import NothingReleased, ObjectDamaged, ReleaseError
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.ahead import run_ahead
from dandelion_pipeline.storage.sealed import seal, unseal
from dandelion_pipeline.storage.store import Store

Action = Literal["promote", "rollback"]


class Release(BaseModel):
    """One entry of the log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    action: Action
    version: str
    manifest_sha256: str
    """The hash of the manifest that was released: no other bundle passes for it."""

    previous: str | None
    """The version that was live before."""

    who: str
    when: str
    """ISO 8601, UTC."""

    why: str
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """By which a writer knows its own entry if the store's answer was lost."""


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
    """All entries, oldest first.

    Raises:
        ReleaseError: one is missing, cannot be read, or does not follow the one before it.
    """
    numbers = _numbers(store)
    for expected, number in enumerate(numbers, 1):
        if number != expected:
            raise _broken(store, expected, "it is missing")
    entries = list(run_ahead(lambda number: _read(store, number), numbers))
    _check_chain(store, entries)
    return entries


def append(
    store: Store, action: Action, bundle: Bundle, *, after: Release | None, who: str, why: str
) -> Release | None:
    """Write the entry that follows another, or None if somebody else did so first.

    Args:
        store: where the log lies.
        action: what is done.
        bundle: what goes live; verified by the caller.
        after: the entry that was in force when the caller decided; None for an empty log.
        who: a person, or a run.
        why: the reason, for people.
    """
    entry = Release(
        number=after.number + 1 if after else 1,
        action=action,
        version=bundle.manifest.version,
        manifest_sha256=bundle.manifest_sha256,
        previous=after.version if after else None,
        who=who,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        why=why,
    )
    key = layout.release(entry.number)
    if store.put_if_absent(key, seal(entry.model_dump_json(indent=2).encode())):
        return entry
    # Taken: by another writer, or by us, if the answer to a first try was lost on its way.
    written = _read(store, entry.number)
    return entry if written.id == entry.id else None


def _highest(store: Store) -> int:
    return max(_numbers(store), default=0)


def _numbers(store: Store) -> list[int]:
    names = [o.key.removeprefix(layout.RELEASES) for o in store.list_objects(layout.RELEASES)]
    return [int(n[:8]) for n in names if n[8:] == ".json" and n[:8].isdecimal()]


def _check_chain(store: Store, entries: Sequence[Release]) -> None:
    before: str | None = None
    for entry in entries:
        if entry.previous != before:
            raise _broken(
                store, entry.number, f"it follows {entry.previous}, but {before} was live"
            )
        before = entry.version


def _read(store: Store, number: int) -> Release:
    try:
        document = unseal(store.get(layout.release(number)))
    except ObjectDamaged as error:
        raise _broken(store, number, error.why) from None
    if document is None:
        raise _broken(store, number, "its seal is missing or broken: it is not as it was written")
    try:
        entry = Release.model_validate_json(document)
    except ValidationError as error:
        raise _broken(store, number, f"it cannot be read ({error.errors()[0]['msg']})") from None
    if entry.number != number:
        raise _broken(store, number, f"it says that it is number {entry.number}")
    return entry


def _broken(store: Store, number: int, why: str) -> ReleaseError:
    return ReleaseError(
        f"the release log entry {store.address(layout.release(number))}",
        why,
        "Restore it from a backup or from the bucket's versions; entries are never edited by hand. "
        "If it is not the newest, `dandelion releases promote VERSION` still works",
    )
