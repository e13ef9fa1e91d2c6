"""How alike the photos of candidate pairs are, laid on each other."""

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.near_duplicates.alignment import Aligned, align
from dandelion_pipeline.images.near_duplicates.candidates import Candidates
from dandelion_pipeline.images.near_duplicates.fingerprints import coefficients, mirrored

_AT_ONCE = 4_096


def verified(
    pairs: Candidates, seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8]
) -> Aligned:
    """How alike the photos of each pair are.

    Args:
        pairs: rows of the others.
        seekers: detail of photos; see `fingerprints.Fingerprints`.
        among: that of the photos that they may be like.
    """
    found = Aligned(np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32))
    for start in range(0, len(pairs), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        sought = coefficients(seekers[pairs.seeker[rows]])
        flip = pairs.mirrored[rows][:, None, None]
        part = align(
            coefficients(among[pairs.found[rows]]), np.where(flip, mirrored(sought), sought)
        )
        found.similarity[rows], found.residual[rows] = part.similarity, part.residual
    return found
