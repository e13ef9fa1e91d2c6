"""How one photo lies on another: turned a little, larger or smaller, moved.

Features that are each other's nearest, and nearer than the second nearest (D. Lowe, 2004), vote for
a similarity transform by RANSAC (M. Fischler, R. Bolles, "Random sample consensus", 1981).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.copies.local_features import Floats, LocalFeatures

FEWEST = 8
"""Features that have to agree."""

MOST_TURNED = 14.0
"""Degrees. Copies that are turned by up to 10 are to be found."""

SMALLEST, LARGEST = 0.4, 2.5
"""Of the one photo's scale to the other's, where both are shown at one size."""

_RATIO = 0.85
_STRONGEST = 96  # are compared first
_FEWEST_OF_STRONGEST = 3
_OFF = 3.0  # pixels by which features that agree may miss each other
_TRIES, _SURE = 500, 0.995
_STEPS = 10
_FREE = 4  # numbers of a transform


@dataclass(frozen=True)
class Alignment:
    """How the second photo lies on the first."""

    matrix: npt.NDArray[np.float64]
    """Takes points of the second's pixels to those of the first's; shape ``(2, 3)``."""

    agreeing: int
    """Features that say so."""

    @property
    def scale(self) -> float:
        """How much larger the second is drawn there."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def turned(self) -> float:
        """Degrees, clockwise."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))


def lay(first: LocalFeatures, second: LocalFeatures) -> Alignment | None:
    """Find out how one photo lies on another; None if too few features agree."""
    if len(_matches(first, second, _STRONGEST)[0]) < _FEWEST_OF_STRONGEST:
        return None
    ours, theirs = _matches(first, second)
    if len(ours) < FEWEST:
        return None
    matrix, agree = cv2.estimateAffinePartial2D(
        second.points[theirs],
        first.points[ours],
        method=cv2.RANSAC,
        ransacReprojThreshold=_OFF,
        maxIters=_TRIES,
        confidence=_SURE,
        refineIters=_STEPS,
    )
    if matrix is None:
        return None
    found = Alignment(np.asarray(matrix, np.float64), int(agree.sum()))
    fits = SMALLEST <= found.scale <= LARGEST and abs(found.turned) <= MOST_TURNED
    return found if fits and found.agreeing >= FEWEST else None


def _matches(
    first: LocalFeatures, second: LocalFeatures, strongest: int | None = None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The features of each that belong together, by number."""
    similar: Floats = first.directions[:strongest] @ second.directions[:strongest].T
    if min(similar.shape) < _FREE:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    ours = np.arange(len(similar))
    theirs = similar.argmax(axis=1)
    mutual = similar.argmax(axis=0)[theirs] == ours
    ours, theirs = ours[mutual], theirs[mutual]
    rows = similar[ours]
    best = rows[np.arange(len(ours)), theirs]
    rows[np.arange(len(ours)), theirs] = -1
    clear = (1 - best) < _RATIO**2 * (1 - rows.max(axis=1, initial=-1))
    return ours[clear], theirs[clear]
