"""The live model, as the challenger meets it: it may be damaged, or know the test photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from onnxruntime.capi import onnxruntime_pybind11_state as refused
from pydantic import BaseModel, ConfigDict

from dandelion_pipeline.errors import BundleError, ObjectDamaged, ObjectNotFound
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import read_snapshot
from dandelion_pipeline.training.dataset import TEST

# All derive from Exception alone; these are what broken or foreign graphs raise.
GRAPH_ERRORS = (
    refused.Fail,
    refused.InvalidArgument,
    refused.InvalidGraph,
    refused.InvalidProtobuf,
    refused.NotImplemented,
    refused.RuntimeException,
)

DATASET = "dataset"
"""The asset whose snapshots say which photos a model was trained on."""


class Champion(BaseModel):
    """What the scores say of the model that was live when they were made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    is_sample: bool | None = None
    """None if it is damaged, so that nobody knows."""

    damage: str = ""
    """Why it could not be asked; empty if it could."""

    trained_on: list[str] | None = None
    """Test photos (SHA-256) that it was trained on, or photos of the same group; None if it is
    not known which it was trained on."""


@dataclass(frozen=True)
class Live:
    """The live model, as far as it can be read."""

    version: str
    bundle: Bundle | None
    damage: str = ""


def live_model(store: Store) -> Live | None:
    """The live model; None if no model is live. A damaged one is no error here."""
    release = log.live_or_none(store)
    if release is None:
        return None
    try:
        bundle = open_bundle(store, release.version, release.manifest_sha256)
    except BundleError as error:
        return Live(release.version, None, f"{error.what}: {error.why}")
    return Live(release.version, bundle)


def live_bundle(store: Store) -> Bundle | None:
    """The bundle of the live model; None if no model is live, or the live one is damaged.

    Whoever only looks at the live model goes on without it; publishing tells people.
    """
    live = live_model(store)
    return live.bundle if live else None


def trained_on(bundle: Bundle, photos: pa.Table) -> list[str] | None:
    """Which photos a model has seen in training, or in what was fitted afterwards.

    Another salt, or a photo that has got another group since, may put such photos into today's
    test split, where that model would shine without merit.

    Args:
        bundle: the model; the data set's snapshots lie in its store.
        photos: columns ``sha256`` and ``group``.

    Returns:
        Their hashes; None if the model does not say on which snapshot it was trained, or if that
        is gone.
    """
    snapshot = bundle.manifest.data.snapshot
    if snapshot is None:
        return None
    try:
        dataset = read_snapshot(bundle.store, DATASET, snapshot)
    except (ObjectNotFound, ObjectDamaged):
        return None
    seen = {name for row in _seen(dataset) for name in (row["sha256"], row["group"])}
    rows = photos.select(["sha256", "group"]).to_pylist()
    return [row["sha256"] for row in rows if not seen.isdisjoint((row["sha256"], row["group"]))]


def _seen(dataset: pa.Table) -> Sequence[dict[str, str]]:
    rows: list[dict[str, str]] = dataset.select(["sha256", "group", "split"]).to_pylist()
    return [row for row in rows if row["split"] != TEST]
