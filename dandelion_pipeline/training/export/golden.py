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
    turn = np.zeros(len(photos.labels), np.int64)
    for label in np.unique(photos.labels):
        mine = photos.labels == label
        turn[mine] = np.arange(mine.sum())
    chosen = np.argsort(turn, kind="stable")[:GOLDEN_PHOTOS]
    int8 = None if int8_logits is None else int8_logits[chosen].astype(np.float32)
    return Golden(photos.pixels[chosen], logits[chosen], int8)
