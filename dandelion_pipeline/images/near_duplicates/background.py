"""How alike the photos of a set are anyway, and how much closer a copy has to be.

Among photos that are different pictures, the number of those within some distance of one grows
like a power of the distance (P. Grassberger, I. Procaccia, "Measuring the strangeness of strange
attractors", 1983), here of 1 less their similarity. Then chance brings the nearest photo ``ratio``
times as near as the next one with the probability ``ratio ** -power``. The power is estimated from
the nearest neighbours of a sample (E. Levina, P. Bickel, "Maximum likelihood estimation of
intrinsic dimension", 2004): in a set of lawns hardly two photos are near, before a fixed camera
all are, and differ in little but the place of one thing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.near_duplicates.candidates import nearest
from dandelion_pipeline.images.near_duplicates.clusters import LEAST
from dandelion_pipeline.images.near_duplicates.verification import likenesses

CHANCE = 0.002
"""How often chance may bring two pictures together, a photo."""

LEAST_RATIO, MOST_RATIO = 2.0, 20.0
_USUAL_POWER = 10.0  # of photos whose neighbours are too few to say
_SAMPLE = 96
_FIRST, _LAST = 2, 8  # of the nearest neighbours: the first ones may be copies
_FEWEST = 4
_LOOKED_AT = 24  # by coarse features, so that the nearest ones are among them


@dataclass(frozen=True)
class Background:
    """How alike the photos of a set are anyway."""

    alike: float
    """The share of photos that have several photos near them."""

    power: float
    """With which the number of near photos grows with the distance."""

    @property
    def ratio(self) -> float:
        """How many times as far as its copies the next photo has to be."""
        return float(np.clip(CHANCE ** (-1 / self.power), LEAST_RATIO, MOST_RATIO))

    def __str__(self) -> str:
        return (
            f"{self.alike:.0%} of the photos have many others like them, so near-duplicates are "
            f"photos at least {self.ratio:.1f} times as alike as the next photo"
        )


NATURAL = Background(0.0, _USUAL_POWER)
"""Photos that are hardly alike."""


def background_of(detail: npt.NDArray[np.int8]) -> Background:
    """Measure a sample of different pictures.

    Args:
        detail: of n photos, none of them empty, each picture once.
    """
    if len(detail) <= _FEWEST:
        return NATURAL
    sample = np.unique(np.linspace(0, len(detail) - 1, _SAMPLE).astype(np.intp))
    near = nearest(detail, sample, _LOOKED_AT)
    distance = 1 - likenesses(near, detail, detail)
    growth = [_growth(np.sort(distance[near.seeker == photo]).clip(LEAST)) for photo in sample]
    found = [one for one in growth if one is not None]
    share = len(found) / len(sample)
    usual = (1 - share) / _USUAL_POWER
    return Background(share, 1 / (share * float(np.mean(found)) + usual) if found else 1 / usual)


def _growth(distances: npt.NDArray[np.float32]) -> float | None:
    """By how much the logarithm of the distance grows with that of the rank, around one photo."""
    last = min(_LAST, len(distances) - 1)
    if last < _FEWEST:
        return None
    ranks = np.arange(_FIRST, last)
    return float(np.mean((ranks + 1) * np.log(distances[ranks + 1] / distances[ranks])))
