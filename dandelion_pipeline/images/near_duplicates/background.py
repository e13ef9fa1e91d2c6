"""How alike the photos of a set are anyway, and how much closer a copy has to be.

Among photos that are different pictures, the number of those within some distance of one grows
like a power of the distance (P. Grassberger, I. Procaccia, "Measuring the strangeness of strange
attractors", 1983), by whichever of the two in `distances`. Then chance brings the nearest photo
``ratio`` times as near as the next one with the probability ``ratio ** -power``. The power is
estimated from the nearest neighbours of a sample (E. Levina, P. Bickel, "Maximum likelihood
estimation of intrinsic dimension", 2004): in a set of lawns hardly two photos are near, before a
fixed camera all are, and differ in little but the place of one thing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.near_duplicates.alignment import Aligned
from dandelion_pipeline.images.near_duplicates.candidates import nearest
from dandelion_pipeline.images.near_duplicates.distances import (
    AS_A_WHOLE,
    DISTANCES,
    LEAST,
    Distance,
)
from dandelion_pipeline.images.near_duplicates.verification import verified

CHANCE = 0.002
"""How often chance may bring two pictures together, a photo."""

LEAST_RATIO = 2.0
_SAMPLE = 96
_FIRST, _LAST = 2, 8  # of the nearest neighbours: the first ones may be copies
_FEWEST = 5
_LOOKED_AT = 24  # by coarse features, so that the nearest ones are among them


@dataclass(frozen=True)
class Background:
    """How alike the photos of a set are anyway."""

    power: float
    """With which the number of near photos grows with the distance."""

    usual: float
    """How far the third nearest photo is, at the median."""

    most_ratio: float = AS_A_WHOLE.most_ratio
    """The largest `ratio`."""

    @property
    def ratio(self) -> float:
        """How many times as far as its copies the next photo has to be."""
        return float(np.clip(CHANCE ** (-1 / self.power), LEAST_RATIO, self.most_ratio))

    def __str__(self) -> str:
        return (
            f"near-duplicates are photos at least {self.ratio:.1f} times as alike as the next "
            "photo; how much closer they have to be is estimated from how alike the photos of the "
            "set are anyway"
        )


NATURAL = Background(10.0, AS_A_WHOLE.far_away)
"""Photos that are hardly alike: taken where there are too few to say."""


def backgrounds_of(detail: npt.NDArray[np.int8]) -> list[Background]:
    """Measure a sample of different pictures, by each of `DISTANCES`.

    Args:
        detail: of n photos, none of them empty, each picture once.
    """
    if len(detail) <= _FEWEST:
        return [NATURAL for _ in DISTANCES]
    sample = np.unique(np.linspace(0, len(detail) - 1, _SAMPLE).astype(np.intp))
    near = nearest(detail, sample, _LOOKED_AT)
    pairs = verified(near, detail, detail)
    of_each = [near.seeker == photo for photo in sample]
    return [_background(distance, pairs, of_each) for distance in DISTANCES]


def _background(
    distance: Distance, pairs: Aligned, of_each: list[npt.NDArray[np.bool_]]
) -> Background:
    apart = distance.of(pairs)
    around = [np.sort(apart[rows]) for rows in of_each]
    growth = float(np.mean([_growth(one) for one in around]))
    usual = float(np.median([one[_FIRST] for one in around]))
    return Background(1 / max(growth, LEAST), usual, distance.most_ratio)


def _growth(distances: npt.NDArray[np.float32]) -> float:
    """By how much the logarithm of the distance grows with that of the rank, around one photo."""
    ranks = np.arange(_FIRST, min(_LAST, len(distances) - 1))
    return float(np.mean((ranks + 1) * np.log(distances[ranks + 1] / distances[ranks])))
