"""What the backbone sees in photos, as a matrix: computed once for a photo, and kept by day."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image

from dandelion_pipeline.embeddings.backbone import (
    EARLY,
    FEATURES,
    Backbone,
    load_backbone,
    version,
)
from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of, prepare
from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.parts import ROWS, Parts
from dandelion_pipeline.storage.records.tables import last_table, write_table

_BATCH = 64

Embeddings = npt.NDArray[np.float32]

SCHEMA = pa.schema(
    [
        pa.field("photo", pa.string(), nullable=False),
        pa.field("features", pa.binary(2 * FEATURES), nullable=False),
        pa.field("early", pa.binary(2 * EARLY), nullable=False),
    ]
)
"""SHA-256 of a photo, its features, and those of an earlier stage: 16-bit floats, end to end in
little-endian order.

The column is not called ``sha256``: a photo is needed because a day names it, and never because
its features have been kept.
"""


@dataclass(frozen=True)
class Embedder:
    """A network that says what it sees."""

    version: str
    """Of the network and its preprocessing; features of two versions cannot be compared."""

    preprocessing: Preprocessing
    network: Backbone

    def embed(self, images: Iterable[Image.Image]) -> Embeddings:
        """The features of upright RGB photos, shape ``(N, FEATURES)``.

        Photos are pulled as they are needed, so an iterator of many never lies in memory whole.
        """
        return self.embed_prepared(prepare(image, self.preprocessing) for image in images)

    def embed_prepared(self, pixels: Iterable[npt.NDArray[np.uint8]]) -> Embeddings:
        """The same, of photos that `images.decoding.preprocess.prepare` has shaped already."""
        return self.stages_of(pixels)[:, :FEATURES]

    def stages_of(self, pixels: Iterable[npt.NDArray[np.uint8]]) -> Embeddings:
        """The same with the features of an earlier stage, shape ``(N, FEATURES + EARLY)``."""
        parts = [np.empty((0, FEATURES + EARLY), np.float32)]
        rest = iter(pixels)
        while batch := list(islice(rest, _BATCH)):
            parts.append(self._stages(np.stack(batch)))
        return np.concatenate(parts)

    @torch.inference_mode()
    def _stages(self, pixels: npt.NDArray[np.uint8]) -> Embeddings:
        device = next(self.network.parameters()).device
        found: Embeddings = self.network.stages(torch.from_numpy(pixels).to(device)).cpu().numpy()
        return found


def backbone_embedder(device: str = "auto") -> Embedder:
    """The pretrained backbone.

    Args:
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        TrainingError: the device is not there, or the weights are not those that are pinned.
    """
    return Embedder(version(), PREPROCESSING, load_backbone().to(pick_device(device)))


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
    return stages(store, embedder, table)[:, :FEATURES]


def stages(store: Store, embedder: Embedder, table: pa.Table) -> Embeddings:
    """The same with the features of an earlier stage beside, shape ``(rows, FEATURES + EARLY)``.

    They are what the head of a model decides on (`networks.transfer.HeadInputs`); what compares
    photos goes by `embeddings` alone.
    """
    result = np.empty((table.num_rows, FEATURES + EARLY), np.float32)
    for day in pc.unique(table["day"]).to_pylist():
        of_day = pc.equal(table["day"], day)
        hashes = table["sha256"].filter(of_day).combine_chunks()
        kept = _of_day(store, embedder, day, hashes)
        rows = kept.take(pc.index_in(hashes, kept["photo"].combine_chunks()))
        parts = [_numbers(rows["features"], FEATURES), _numbers(rows["early"], EARLY)]
        result[of_day.to_numpy()] = np.concatenate(parts, axis=1)
    return result


def embed_day(
    store: Store,
    embedder: Embedder,
    day: str,
    hashes: pa.Array,
    on_photos: Callable[[str], None] = lambda message: None,
) -> int:
    """Keep the features of the photos of a day; those that are kept already cost nothing.

    Args:
        store: where the photos lie, and what was made of them.
        embedder: what makes them.
        day: as in the keys of the store.
        hashes: SHA-256 of the photos.
        on_photos: is told how far it is, now and then.

    Returns:
        How many were new.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    before: int = _kept(store, layout.embeddings(embedder.version, day)).num_rows
    after: int = _of_day(store, embedder, day, hashes, on_photos).num_rows
    return after - before


def _of_day(
    store: Store,
    embedder: Embedder,
    day: str,
    hashes: pa.Array,
    on_photos: Callable[[str], None] = lambda message: None,
) -> pa.Table:
    """A table of `SCHEMA` that has at least these photos."""
    key = layout.embeddings(embedder.version, day)
    kept = _kept(store, key)
    known = pc.is_in(hashes, kept["photo"].combine_chunks())
    new = pc.unique(hashes.filter(pc.invert(known)))
    if not len(new):
        return kept
    parts = Parts(store, f"embeddings-{embedder.version}", day, SCHEMA)
    begun = parts.take_over()
    tables = [kept, begun.filter(pc.is_in(begun["photo"], new))]
    rest = new.filter(pc.invert(pc.is_in(new, begun["photo"].combine_chunks())))
    for start in range(0, len(rest), ROWS):
        some = rest[start : start + ROWS]
        tables.append(_rows(some, _embed_kept(store, embedder, some.to_pylist())))
        on_photos(f"{start + len(some)} of {len(rest)} photos embedded")
        if start + len(some) < len(rest):
            parts.add(tables[-1])
    kept = pa.concat_tables(tables)
    write_table(store, key, kept)
    parts.remove()
    return kept


def _rows(hashes: pa.Array, found: Embeddings) -> pa.Table:
    """Features as they are kept: a table of `SCHEMA`."""
    found = found.astype("<f2")
    columns = [
        pa.array([row.tobytes() for row in part], SCHEMA.field(name).type)
        for name, part in (("features", found[:, :FEATURES]), ("early", found[:, FEATURES:]))
    ]
    return pa.table([hashes, *columns], schema=SCHEMA)


def _kept(store: Store, key: str) -> pa.Table:
    try:
        found = last_table(store, key)
    except ObjectDamaged:  # all of it can be made again
        found = None
    if found is None or found.schema != SCHEMA:  # of when no earlier stage was kept
        return SCHEMA.empty_table()
    return found


def _embed_kept(store: Store, embedder: Embedder, hashes: Sequence[str]) -> Embeddings:
    """Read, decode and embed, a bounded number at a time."""
    contents = read_photos(store, hashes)
    shaped = ordered_parallel_map(
        lambda data: pixels_of(data, embedder.preprocessing),
        contents,
        len,
        concurrency=os.cpu_count() or 1,
    )
    with closing(contents), closing(shaped):  # or they would hold their threads
        return embedder.stages_of(shaped)


def _numbers(column: pa.ChunkedArray, width: int) -> Embeddings:
    """Features as they are kept, as numbers."""
    data = b"".join(column.to_pylist())
    return np.frombuffer(data, "<f2").reshape(-1, width).astype(np.float32)
