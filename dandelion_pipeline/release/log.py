"""The release log: numbered entries, created only if absent, never changed.

The highest number is live. Two writers that want the same number cannot both have it:
the store's create-if-absent decides, and the loser looks again (see `promotion`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from dandelion_pipeline.errors import NothingReleased, ReleaseError
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.numbered_log import Entry, NumberedLog

Action = Literal["promote", "rollback"]


class Release(Entry):
    """One entry of the log."""

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
    forced: bool = False
    """Whether it went live although the gate was against it, or without asking the gate."""


def live(store: Store) -> Release:
    """The entry that is in force.

    Raises:
        NothingReleased: the log is empty.
        ReleaseError: the entry cannot be read.
    """
    log = _log(store)
    number = log.highest()
    if number == 0:
        raise NothingReleased(
            f"no model is live in {store.url}",
            "none has been published yet",
            "Publish one: `make run IMAGES=folder`, or `make run` for a sample",
        )
    return log.read(number)


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
    entries = _log(store).entries()
    _check_chain(store, entries)
    return entries


def append(
    store: Store,
    action: Action,
    bundle: Bundle,
    *,
    after: Release | None,
    who: str,
    why: str,
    forced: bool = False,
) -> Release | None:
    """Write the entry that follows another, or None if somebody else did so first.

    Args:
        store: where the log lies.
        action: what is done.
        bundle: what goes live; verified by the caller.
        after: the entry that was in force when the caller decided; None for an empty log.
        who: a person, or a run.
        why: the reason, for people.
        forced: whether somebody overruled the gate.
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
        forced=forced,
    )
    return entry if _log(store).append(entry) else None


def _log(store: Store) -> NumberedLog[Release]:
    return NumberedLog(store, layout.RELEASES, layout.release, Release, _broken)


def _check_chain(store: Store, entries: Sequence[Release]) -> None:
    before: str | None = None
    for entry in entries:
        if entry.previous != before:
            raise _log(store).refusal(
                entry.number, f"it follows {entry.previous}, but {before} was live"
            )
        before = entry.version


def _broken(address: str, why: str) -> ReleaseError:
    return ReleaseError(
        f"the release log entry {address}",
        why,
        "Restore it from a backup or from the bucket's versions; entries are never edited by hand. "
        "If it is not the newest, `dandelion releases promote VERSION` still works",
    )
