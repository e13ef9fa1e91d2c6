"""Which photos of the validation split become golden examples."""

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.release.golden import GOLDEN_PHOTOS, Golden
from dandelion_pipeline.training.inputs.loading import PreparedPhotos


def golden_of(
    photos: PreparedPhotos,
    logits: npt.NDArray[np.float32],
    int8_logits: npt.NDArray[np.floating] | None = None,
) -> Golden:
    """A few photos, of each class as many as of the others while there are any.

    Args:
        photos: of the validation split, never of the test split.
        logits: what the network in torch says of each.
        int8_logits: what the graph in 8-bit integers says of each, if there is one.
    """
    chosen = class_by_class(photos.labels)[:GOLDEN_PHOTOS]
    int8 = None if int8_logits is None else int8_logits[chosen].astype(np.float32)
    return Golden(photos.pixels[chosen], logits[chosen], int8)


def class_by_class(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The order in which classes take turns: the first of each, the second of each, and so on.

    Args:
        labels: classes by number, shape ``(N,)``.
    """
    turn = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        mine = labels == label
        turn[mine] = np.arange(mine.sum())
    return np.argsort(turn, kind="stable")
