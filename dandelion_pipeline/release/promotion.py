"""Which model goes live: promote a bundle, or roll back to one that was live before."""

from collections.abc import Sequence

from dandelion_pipeline.errors import ReleaseError, StoreUnavailable
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.storage.objects.store import Store


def promote(bundle: Bundle, *, who: str, why: str, forced: bool = False) -> Release:
    """Make a bundle live. One that is live already stays so, without a new entry.

    Args:
        bundle: finished and verified (`Bundle.verify`, or as `bundle.finish` returns it).
        who: a person, or a run.
        why: the reason, for people.
        forced: whether somebody overruled the gate.
    """
    while True:
        current = log.live_or_none(bundle.store)
        if current is not None and current.version == bundle.manifest.version:
            return current
        entry = log.append(
            bundle.store, "promote", bundle, after=current, who=who, why=why, forced=forced
        )
        if entry is not None:
            return entry


def supersede(
    bundle: Bundle, champion: str | None, *, who: str, why: str, forced: bool = False
) -> Release | None:
    """Make a bundle live in place of the model that it was compared with.

    Args:
        bundle: finished and verified.
        champion: the version that it was compared with; None if no model was live.
        who: a person, or a run.
        why: the reason, for people.
        forced: whether somebody overruled the gate.

    Returns:
        The entry, or None if another model is live by now: compare again.
    """
    current = log.live_or_none(bundle.store)
    if current is not None and current.version == bundle.manifest.version:
        return current
    if (current.version if current else None) != champion:
        return None
    return log.append(
        bundle.store, "promote", bundle, after=current, who=who, why=why, forced=forced
    )


def rollback(store: Store, *, to: str | None, who: str, why: str) -> Release:
    """Make an earlier model live again.

    Rolling back twice goes two models back: what was rolled back from is no candidate any
    more. To make that one live after all, promote it.

    Args:
        store: where models and log lie.
        to: the version, which must have been live; None for the one before the live one.
        who: a person, or a run.
        why: the reason, for people.

    Raises:
        NothingReleased: the log is empty.
        ReleaseError: there is nothing to roll back to, or another release came between.
        BundleError: the bundle is gone or was altered; the live model stays.
    """
    entries = log.history(store)
    current = entries[-1] if entries else log.live(store)
    target = _target(store, entries, to)
    bundle = open_bundle(store, target.version, target.manifest_sha256)
    bundle.verify()
    what = f"rolling back from {current.version} to {target.version}"
    try:
        entry = log.append(store, "rollback", bundle, after=current, who=who, why=why)
    except StoreUnavailable as error:  # a second try may go back a second model
        raise StoreUnavailable(
            what,
            f"it is not known whether the entry was written ({error.what}: {error.why})",
            f"Look at `dandelion releases list`; if {current.version} is still live, try again",
        ) from None
    if entry is None:
        raise ReleaseError(what, "another release came between", "Look at the log, decide again")
    return entry


def standing(entries: Sequence[Release]) -> list[Release]:
    """The releases that a rollback can go back to, oldest first, and the live one last.

    A promotion adds to them; a rollback takes those away that came after its target.
    """
    standing: list[Release] = []
    for entry in entries:
        if entry.action == "promote":
            standing.append(entry)
        else:
            while standing and standing[-1].version != entry.version:
                standing.pop()
            standing = standing or [entry]
    return standing


def _target(store: Store, entries: Sequence[Release], to: str | None) -> Release:
    *earlier, current = standing(entries)
    candidates = [entry for entry in earlier if to in (None, entry.version)]
    if candidates and to != current.version:
        return candidates[-1]
    if to is None:
        raise ReleaseError(
            f"rolling back from {current.version} in {store.url}",
            "no model was live before it",
            "Promote another one: `dandelion releases promote VERSION --reason …`",
        )
    if to == current.version:
        raise ReleaseError(
            f"rolling back to {to}", "it is live already", "Name another version, or none"
        )
    raise ReleaseError(
        f"rolling back to {to}",
        "it is none of the models that came before the live one "
        f"({', '.join(dict.fromkeys(entry.version for entry in earlier)) or 'there are none'})",
        f"Choose one of them; to make {to} live all the same: "
        f"`dandelion releases promote {to} --reason …`",
    )
