"""The live model, as the challenger meets it: it may be damaged, or know the test photos."""

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from dandelion_pipeline.errors import BundleError, ReleaseError
from dandelion_pipeline.evaluation.ancestry import ancestry, seen, snapshot_or_none
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.storage.objects.store import Store


class OnValidation(BaseModel):
    """Two models of the same data on its validation split, which decides between them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photos: int
    lost: int
    """Photos that the other model gets right and the challenger wrong."""

    gained: int
    log_loss: float
    """Mean cross-entropy of the challenger's probabilities, in nats."""

    other_log_loss: float

    @property
    def is_better(self) -> bool:
        """Whether the challenger gets more photos right, or as many with better probabilities."""
        more = self.gained - self.lost
        return more > 0 or (more == 0 and self.log_loss < self.other_log_loss)


class ChampionRecord(BaseModel):
    """What the scores say of another model: the live one, or the best one before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    is_sample: bool | None = None
    """None if it is damaged, so that nobody knows."""

    damage: str = ""
    """Why it could not be asked; empty if it could."""

    trained_on: list[str] | None = None
    """Test photos (SHA-256) that it, or a model whose weights it began with, was trained on, or
    photos of the same group; None if it is not known which it was trained on."""

    on_validation: OnValidation | None = None
    """How the two compare where both learnt from the same data, and are of different kinds."""

    unknown_ancestor: str = ""
    """Why it is not known which photos the weights that it began with have seen, if so."""


def best_before(store: Store) -> Bundle | None:
    """The best model so far, if that is another one than the live one and can be opened.

    Which it is, the gate's decision about the live model says. Somebody who forces a model to go
    live begins anew: it is measured by what it replaced no longer.
    """
    release = log.live_or_none(store)
    if release is None or release.forced:
        return None
    try:
        decision = last_decision(store, release.version)
        if decision is None or decision.best in (None, release.version):
            return None
        return open_bundle(store, str(decision.best))
    except (BundleError, ReleaseError):  # what was live is compared with all the same
        return None


def trained_on(bundle: Bundle, photos: pa.Table) -> tuple[list[str] | None, str]:
    """Which photos a model has seen in training, or in what was fitted afterwards.

    Another salt, or a photo that has got another group since, may put such photos into today's
    test split, where that model would shine without merit. So may weights to begin with.

    Args:
        bundle: the model; the data set's snapshots lie in its store.
        photos: columns ``sha256`` and ``group``.

    Returns:
        Their hashes, None if the model does not say on which snapshot it was trained, or if that
        is gone; and why the photos of its ancestors are not known, if so.
    """
    manifest = bundle.manifest
    found = ancestry(bundle.store, manifest.training)
    own = manifest.data.snapshot
    dataset = snapshot_or_none(bundle.store, own) if own else None
    if dataset is None:
        return None, found.unknown
    return seen([dataset, *found.datasets], photos), found.unknown
