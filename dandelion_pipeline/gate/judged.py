"""What was decided of a data set and a training's configuration: it is not made twice.

To train again what was refused or rolled back would only bring the same model back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dandelion_pipeline.errors import BundleError, ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.decision import Decision, last_decision
from dandelion_pipeline.release.garbage_collection import known_versions
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.training.config import TrainingConfig

_WHERE = {"device", "precision"}
"""Parameters that say where a model is computed, and not which."""


@dataclass(frozen=True)
class Judged:
    """A model of these photos and this configuration, and what became of it."""

    manifest: Manifest
    says: str
    """What became of it, in words."""

    is_live: bool = False
    refused: bool = False

    def __str__(self) -> str:
        return (
            f"{self.manifest.version}, of this data set and configuration, {self.says}; it is not "
            "made again"
        )


def judged(
    store: Store, data_hash: str, config: TrainingConfig, gate_since: str = ""
) -> Judged | None:
    """What was decided of a model of this data set and configuration; None if nothing was.

    Args:
        store: models, their decisions and the release log.
        data_hash: of the data set, as of `DatasetInfo`.
        config: how it would be trained; on which device does not count.
        gate_since: when the gate's limits were changed last (ISO 8601, UTC): what it refused
            before that may pass now, and does not count.

    Returns:
        The one that is live, if it is one of several; else the newest.

    Raises:
        ReleaseError: the newest release, or a decision, cannot be read.
    """
    entries = _releases(store)
    same = [m for m in _manifests(store) if _is_of(m, data_hash, config)]
    found = [_of(store, manifest, entries, gate_since) for manifest in same]
    known = [one for one in found if one is not None]
    return next((one for one in known if one.is_live), known[-1] if known else None)


def _releases(store: Store) -> list[Release]:
    """All releases, oldest first; of a log that is damaged further back, the newest alone."""
    try:
        return log.history(store)
    except ReleaseError:
        newest = log.live_or_none(store)
        return [newest] if newest else []


def _manifests(store: Store) -> list[Manifest]:
    """All that can be read, oldest first."""
    found = ordered_parallel_map(lambda version: _manifest(store, version), known_versions(store))
    return sorted((one for one in found if one is not None), key=lambda one: one.created)


def _manifest(store: Store, version: str) -> Manifest | None:
    try:
        return open_bundle(store, version).manifest
    except BundleError:  # nobody can tell what it was made of
        return None


def _is_of(manifest: Manifest, data_hash: str, config: TrainingConfig) -> bool:
    """Whether a model is of this data set and configuration.

    A parameter that its version did not have yet counts as the default of today.
    """
    if manifest.data.hash != data_hash:
        return False
    wanted = config.model_dump(exclude=_WHERE)
    defaults = TrainingConfig().model_dump()
    return wanted == {name: manifest.training.get(name, defaults[name]) for name in wanted}


def _of(
    store: Store, manifest: Manifest, entries: Sequence[Release], gate_since: str
) -> Judged | None:
    version = manifest.version
    if entries and entries[-1].version == version:
        return Judged(manifest, "is live", is_live=True)
    left = next((e for e in reversed(entries) if e.previous == version), None)
    if left is not None:
        return Judged(manifest, _left(left))
    decision = last_decision(store, version)
    if decision is None:  # its run was stopped before
        return None
    if decision.promote:  # the log that says what came instead is damaged
        return Judged(manifest, f"was promoted on {decision.when[:10]}")
    if decision.when < gate_since:
        return None
    return Judged(manifest, _refused(decision), refused=True)


def _left(release: Release) -> str:
    """What came instead of a model that was live."""
    if release.action == "rollback":
        return f"was rolled back on {release.when[:10]} ({release.who}: {release.why})"
    return f"was replaced on {release.when[:10]} by {release.version}"


def _refused(decision: Decision) -> str:
    return f"was refused on {decision.when[:10]} ({decision.reason})"
