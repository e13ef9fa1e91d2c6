"""The models whose weights a training began with, and the photos that they have seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from dandelion_pipeline.dataset.dataset import TEST
from dandelion_pipeline.errors import BundleError, ObjectDamaged, ObjectNotFound
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import TRAINING_FILE, WEIGHTS_FILE, FileDigest
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_snapshot
from dandelion_pipeline.training.config import IMAGENET, NO_WEIGHTS
from dandelion_pipeline.training.fit import TrainingRecord

DATASET = "dataset"
"""The asset whose snapshots say which photos a model was trained on."""


@dataclass(frozen=True)
class Ancestry:
    """What the models before a model were trained on."""

    datasets: list[pa.Table] = field(default_factory=list)
    unknown: str = ""
    """Why there may be more that nobody here knows; empty if there is not."""


@dataclass(frozen=True)
class _Ancestor:
    files: Mapping[str, FileDigest]
    training: Mapping[str, Any]
    snapshot: str | None


def ancestry(store: Store, training: Mapping[str, Any]) -> Ancestry:
    """Follow the weights that a training began with, from model to model of this store.

    Args:
        store: where models and the snapshots of data sets lie.
        training: ``weights`` and ``weights_sha256`` of the configuration; manifests of long ago
            have neither, and began with none.

    Returns:
        Nothing for a training that began with none, or with ImageNet's: no photo of a store is
        expected there.
    """
    datasets: list[pa.Table] = []
    followed: set[str] = set()
    while training.get("weights", NO_WEIGHTS) not in (NO_WEIGHTS, IMAGENET):
        name, sha256 = training["weights"], training.get("weights_sha256", "")
        if sha256 in followed:
            break
        followed.add(sha256)
        model = _model_of(store, name, sha256)
        if model is None:
            return Ancestry(datasets, f"no model of this store has the weights {name}")
        dataset = snapshot_or_none(store, model.snapshot) if model.snapshot else None
        if dataset is None:
            return Ancestry(datasets, f"the data set of the model with the weights {name} is gone")
        datasets.append(dataset)
        training = model.training
    return Ancestry(datasets)


def snapshot_or_none(store: Store, snapshot: str) -> pa.Table | None:
    """A data set that a model was trained on; None if it is gone or damaged."""
    try:
        return read_snapshot(store, DATASET, snapshot)
    except (ObjectNotFound, ObjectDamaged):
        return None


def seen(datasets: Iterable[pa.Table], photos: pa.Table) -> list[str]:
    """Photos that are in the training or validation split of a data set, or whose group is.

    Args:
        datasets: columns ``sha256``, ``group`` and ``split``.
        photos: columns ``sha256`` and ``group``.

    Returns:
        The hashes of those photos, in their order.
    """
    names = {name for rows in map(_learnt, datasets) for row in rows for name in row.values()}
    rows = photos.select(["sha256", "group"]).to_pylist()
    return [row["sha256"] for row in rows if not names.isdisjoint(row.values())]


def _learnt(dataset: pa.Table) -> Sequence[Mapping[str, str]]:
    rows: list[dict[str, str]] = dataset.select(["sha256", "group", "split"]).to_pylist()
    return [
        {"sha256": row["sha256"], "group": row["group"]} for row in rows if row["split"] != TEST
    ]


def _model_of(store: Store, name: str, sha256: str) -> _Ancestor | None:
    """The model whose weights file has this hash: first the one that a key of the store names."""
    versions = dict.fromkeys(
        found.key.removeprefix(layout.MODELS).split("/", 1)[0]
        for found in store.list_objects(layout.MODELS)
    )
    named = [version for version in versions if name == layout.model_file(version, WEIGHTS_FILE)]
    for version in [*named, *versions]:
        model = _ancestor(store, version)
        weights = model.files.get(WEIGHTS_FILE) if model else None
        if model and weights and weights.sha256 == sha256:
            return model
    return None


def _ancestor(store: Store, version: str) -> _Ancestor | None:
    """What a bundle says of its origin; one that was never finished has a training record."""
    try:
        manifest = open_bundle(store, version).manifest
    except BundleError:
        return _unfinished(store, version)
    return _Ancestor(manifest.files, manifest.training, manifest.data.snapshot)


def _unfinished(store: Store, version: str) -> _Ancestor | None:
    try:
        data = store.get(layout.model_file(version, TRAINING_FILE))
        record = TrainingRecord.model_validate_json(data)
    except (ObjectNotFound, ObjectDamaged, ValidationError):
        return None
    return _Ancestor(record.files, record.config.model_dump(), record.data.snapshot)
