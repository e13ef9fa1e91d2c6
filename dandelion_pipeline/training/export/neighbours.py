"""Which training photos a bundle knows, and what its graph sees in them (docs/adr/0055)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import run
from dandelion_pipeline.release.manifest import GRAPHS
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE, Neighbours
from dandelion_pipeline.release.ood import unit_length
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.export.golden import class_by_class
from dandelion_pipeline.training.export.onnx_graphs import Exported
from dandelion_pipeline.training.export.ood import Features
from dandelion_pipeline.training.inputs.loading import labels_of, load_prepared

MOST_PHOTOS = 2_000
"""They make a bundle of the transfer model 5 MB larger."""

_LOADED = 500  # photos at once: their pixels take 40 MB


def with_neighbours(
    exported: Exported,
    store: Store,
    rows: pa.Table,
    classes: Sequence[str],
    preprocessing: Preprocessing,
) -> Exported:
    """Add the file of the training photos that an answer can be compared with.

    Of each class there are as many as of the others while it has any. What the graph saw in photos
    when it was exported is not computed again.

    Args:
        exported: the first of ``rows`` are what its graphs were compared on.
        store: where the photos lie.
        rows: the training split, in random order.
        classes: in the order of their numbers.
        preprocessing: of the model.

    Returns:
        The same without such a file, if the graph sees nothing in any photo.
    """
    labels = labels_of(rows, classes)
    chosen = np.sort(class_by_class(labels)[:MOST_PHOTOS])
    features = np.concatenate(list(_seen(exported, store, rows, chosen, classes, preprocessing)))
    lengths = np.linalg.norm(features, axis=1)
    seen = np.isfinite(lengths) & (lengths > 0)
    if not seen.any():
        return exported
    hashes = [
        bytes.fromhex(name) for name in rows["sha256"].take(pa.array(chosen[seen])).to_pylist()
    ]
    made = Neighbours(
        unit_length(features[seen]),
        labels[chosen[seen]].astype(np.int32),
        np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1),
    )
    return replace(exported, files={**exported.files, NEIGHBOURS_FILE: made.to_bytes()})


def _seen(
    exported: Exported,
    store: Store,
    rows: pa.Table,
    chosen: npt.NDArray[np.int64],
    classes: Sequence[str],
    preprocessing: Preprocessing,
) -> Iterator[Features]:
    """What the served graph sees in the chosen rows, part by part."""
    known = len(exported.features)
    yield exported.features[chosen[chosen < known]]
    graph, others = exported.files[GRAPHS[exported.served.form]], chosen[chosen >= known]
    for start in range(0, len(others), _LOADED):
        part = rows.take(pa.array(others[start : start + _LOADED]))
        yield run(graph, load_prepared(store, part, classes, preprocessing).pixels).features
