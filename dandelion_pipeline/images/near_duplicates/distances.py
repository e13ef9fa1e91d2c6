"""Two ways to say how far apart two photos are, laid on each other.

As a whole, another photo of one scene is as near as a compressed copy; where they differ most it is
farther. With a mask on, a face is near as a whole, and far where the mask is. Near-duplicates are
photos that stand out in one of the two.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dandelion_pipeline.images.near_duplicates.alignment import ALIKE, Aligned
from dandelion_pipeline.images.near_duplicates.fingerprints import Floats

LEAST = 1e-5
"""Distances below it are rounding."""


@dataclass(frozen=True)
class Distance:
    """A way to say how far apart two photos are."""

    by: Literal["similarity", "residual"]

    farthest: float
    """How far near-duplicates may be apart. In one place, a copy that was compressed, resized or
    cropped a little differs by 0.001 to 0.05."""

    far_away: float
    """How far the next photo is taken to be where none was found: rather the least that pictures
    are apart that have nothing to do with each other (the 400 photos in ``shared/data``)."""

    most_ratio: float
    """How many times as far as its copies the next photo may have to be. With less, more than 5 in
    1,000 photos of generated sets of one scene were joined with another picture."""

    def of(self, pairs: Aligned) -> Floats:
        """The distance of each pair; shape ``(n,)``."""
        distance = pairs.residual if self.by == "residual" else 1 - pairs.similarity
        return np.maximum(distance, np.float32(LEAST))


AS_A_WHOLE = Distance("similarity", 1 - ALIKE, 0.3, 20.0)
WHERE_MOST_DIFFERS = Distance("residual", 0.05, 1.0, 40.0)
DISTANCES = (AS_A_WHOLE, WHERE_MOST_DIFFERS)
