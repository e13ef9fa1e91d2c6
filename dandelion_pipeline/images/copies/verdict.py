"""Whether one photo is a rotated or cropped copy of another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.copies.alignment import Alignment, lay
from dandelion_pipeline.images.copies.local_features import LONGER_SIDE, LocalFeatures
from dandelion_pipeline.images.copies.overlap import overlap

VERSION = "sift-1"
"""Names the way pixels decide: whatever changes a verdict changes it."""

MOST_DIFFERENT, MOST_BY_FEW = 8.0, 4.0
"""`Overlap.difference` of copies, and of those that few features say are copies: between pages of
text, a few features of the lines may agree that were set alike."""

_FEW = 20

LEAST_SHARES = (0.15, 0.5)
"""How much of the area of both photos has to be in the other, and how much of one of them."""

_IN_PLACE = 0.008
"""Of the longer side: photos whose corners lie so close were neither rotated nor cropped. Whether
they are copies depends on what the set is like anyway, which `near_duplicates` knows; of a fixed
camera any two frames lie like that."""


@dataclass(frozen=True)
class Copy:
    """How one photo is a copy of another."""

    turned: float
    """By how many degrees the second has to be rotated clockwise to lie on the first."""

    scale: float
    """How much larger the second is drawn on the first, both shown at one size."""

    shares: tuple[float, float]
    """How much of the area of each is in the other; the first photo's first."""

    difference: float
    """As of `overlap.Overlap`."""

    def the_other_way(self) -> "Copy":
        """How the first is a copy of the second."""
        return Copy(-self.turned, 1 / self.scale, self.shares[::-1], self.difference)


def copy_of(first: LocalFeatures, second: LocalFeatures) -> Copy | None:
    """Say how the second photo is a copy of the first, or the other way; None if it is none."""
    alignment = lay(first, second)
    if alignment is None or _is_in_place(first, second, alignment):
        return None
    found = overlap(first, second, alignment)
    most = MOST_BY_FEW if alignment.agreeing < _FEW else MOST_DIFFERENT
    if found is None or found.difference > most:
        return None
    if any(share < least for share, least in zip(sorted(found.shares), LEAST_SHARES, strict=True)):
        return None
    return Copy(alignment.turned, alignment.scale, found.shares, found.difference)


def _is_in_place(first: LocalFeatures, second: LocalFeatures, alignment: Alignment) -> bool:
    laid = np.c_[_corners(second), np.ones(4)] @ alignment.matrix.T
    return bool(np.abs(laid - _corners(first)).max() < _IN_PLACE * LONGER_SIDE)


def _corners(photo: LocalFeatures) -> npt.NDArray[np.float64]:
    height, width, _ = photo.pixels.shape
    return np.array([(x, y) for x in (0.0, width) for y in (0.0, height)])
