"""What the network sees in a photo: the features that its classifier decides on.

They come from the live model, or from an untrained network of a fixed seed as long as no model
is live: even random convolutions tell colours and textures apart (Saxe et al., "On random
weights and unsupervised feature learning", 2011).
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image
from safetensors.torch import load
from torch import nn

from dandelion_pipeline.errors import BundleError, ObjectDamaged
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of, prepare
from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.networks.resnet import (
    ARCHITECTURE,
    FEATURES,
    EmbeddingNetwork,
    build_network,
)
from dandelion_pipeline.release.live import live_bundle
from dandelion_pipeline.release.manifest import WEIGHTS_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import last_table, write_table

UNTRAINED = "untrained-1"
"""Names the untrained network: its architecture, seed and preprocessing. Change them, change it."""

_SEED = 0
_UNTRAINED_SIZE = 64
_BATCH = 64

Embeddings = npt.NDArray[np.float32]

_SCHEMA = pa.schema(
    [
        pa.field("photo", pa.string(), nullable=False),
        pa.field("features", pa.binary(2 * FEATURES), nullable=False),
    ]
)
"""SHA-256 of a photo, and its features as 16-bit floats, end to end in little-endian order.

The column is not called ``sha256``: a photo is needed because a day names it, and never because
its features have been kept.
"""


@dataclass(frozen=True)
class Embedder:
    """A network that says what it sees."""

    version: str
    """The version of the model that it is, or `UNTRAINED`."""

    preprocessing: Preprocessing
    network: EmbeddingNetwork

    @classmethod
    def of(
        cls, version: str, preprocessing: Preprocessing, network: nn.Module, device: str
    ) -> "Embedder":
        """Take the classifier off a network as `build_network` makes it; the network is altered.

        Raises:
            TrainingError: the device is not there.
        """
        features = EmbeddingNetwork(network, preprocessing).eval().to(pick_device(device))
        return cls(version, preprocessing, features)

    def embed(self, images: Iterable[Image.Image]) -> Embeddings:
        """The features of upright RGB photos, shape ``(N, FEATURES)``.

        Photos are pulled as they are needed, so an iterator of many never lies in memory whole.
        """
        return self.embed_prepared(prepare(image, self.preprocessing) for image in images)

    def embed_prepared(self, pixels: Iterable[npt.NDArray[np.uint8]]) -> Embeddings:
        """The same, of photos that `images.decoding.preprocess.prepare` has shaped already."""
        parts = [np.empty((0, FEATURES), np.float32)]
        rest = iter(pixels)
        while batch := list(islice(rest, _BATCH)):
            parts.append(self._features(np.stack(batch)))
        return np.concatenate(parts)

    @torch.inference_mode()
    def _features(self, pixels: npt.NDArray[np.uint8]) -> Embeddings:
        device = next(self.network.parameters()).device
        features: Embeddings = self.network(torch.from_numpy(pixels).to(device)).cpu().numpy()
        return features


def untrained_embedder(device: str = "auto") -> Embedder:
    """The network before it has learnt anything: the same on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = build_network(classes=2)
    return Embedder.of(UNTRAINED, Preprocessing(size=_UNTRAINED_SIZE), network, device)


def live_embedder(store: Store, device: str = "auto") -> Embedder:
    """The live model's network, or the untrained one if none of our architecture is live.

    A damaged live model must not keep photos from being looked at: it counts as none.

    Args:
        store: where models and their releases lie.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        ReleaseError: the release log cannot be read.
        TrainingError: the device is not there.
    """
    bundle = live_bundle(store)
    if bundle is None or bundle.manifest.architecture != ARCHITECTURE:
        return untrained_embedder(device)
    try:
        weights = bundle.read(WEIGHTS_FILE)
    except BundleError:
        return untrained_embedder(device)
    manifest = bundle.manifest
    network = build_network(len(manifest.classes))
    network.load_state_dict(load(weights))
    preprocessing = Preprocessing.model_validate(manifest.preprocessing)
    return Embedder.of(manifest.version, preprocessing, network, device)


def embeddings(store: Store, embedder: Embedder, table: pa.Table) -> Embeddings:
    """The features of a table's photos; those of each day are kept, and made only once.

    They are rounded to 16 bits, whether they were kept or have just been made.

    Args:
        store: where the photos lie, and what was made of them.
        embedder: what makes them.
        table: columns ``sha256`` and ``day``.

    Returns:
        Shape ``(rows, FEATURES)``, in the order of the rows.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    result = np.empty((table.num_rows, FEATURES), np.float32)
    for day in pc.unique(table["day"]).to_pylist():
        of_day = pc.equal(table["day"], day)
        hashes = table["sha256"].filter(of_day).combine_chunks()
        kept = _of_day(store, embedder, day, hashes)
        column = kept["features"].take(pc.index_in(hashes, kept["photo"].combine_chunks()))
        result[of_day.to_numpy()] = _numbers(column)
    return result


def _of_day(store: Store, embedder: Embedder, day: str, hashes: pa.Array) -> pa.Table:
    """A table of `_SCHEMA` that has at least these photos."""
    key = layout.embeddings(embedder.version, day)
    kept = _kept(store, key)
    known = pc.is_in(hashes, kept["photo"].combine_chunks())
    new = pc.unique(hashes.filter(pc.invert(known)))
    if not len(new):
        return kept
    features = _embed_kept(store, embedder, new.to_pylist()).astype("<f2")
    column = pa.array([row.tobytes() for row in features], _SCHEMA.field("features").type)
    kept = pa.concat_tables([kept, pa.table([new, column], schema=_SCHEMA)])
    write_table(store, key, kept)
    return kept


def _kept(store: Store, key: str) -> pa.Table:
    try:
        found = last_table(store, key)
    except ObjectDamaged:  # all of it can be made again
        found = None
    return _SCHEMA.empty_table() if found is None else found


def _embed_kept(store: Store, embedder: Embedder, hashes: Sequence[str]) -> Embeddings:
    """Read, decode and embed, a bounded number at a time."""

    def pixels(data: bytes) -> npt.NDArray[np.uint8]:
        return pixels_of(data, embedder.preprocessing)

    contents = read_photos(store, hashes)
    shaped = ordered_parallel_map(pixels, contents, len, concurrency=os.cpu_count() or 1)
    with closing(contents), closing(shaped):  # or they would hold their threads
        return embedder.embed_prepared(shaped)


def _numbers(column: pa.ChunkedArray) -> Embeddings:
    """Features as they are kept, as numbers."""
    data = b"".join(column.to_pylist())
    return np.frombuffer(data, "<f2").reshape(-1, FEATURES).astype(np.float32)
