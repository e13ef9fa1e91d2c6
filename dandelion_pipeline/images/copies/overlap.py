"""What differs where one photo lies on another.

A copy differs a little everywhere: it was saved again, and is off by a part of a pixel. Another
photo of the same scene differs much in the place where something else is to be seen.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.copies.alignment import Alignment
from dandelion_pipeline.images.copies.local_features import LONGER_SIDE, Floats, LocalFeatures

_NOISE = 2.0  # grey levels by which pixels of a copy differ
_OFF = 0.5  # pixels by which a copy is off
_PLACE = LONGER_SIDE // 8 + 1  # pixels along each side
_LEAST_OF_PLACE = 0.3  # of its pixels have to be in both photos
_FINEST = 1.5  # the deviation of the Gaussian that takes away what compression changes
_MARGIN = 3  # pixels at the edges of the overlap
_LEAST, _MOST = 0.6, 1.6  # how much brighter a copy may be
_LEAST_OVERLAP = 0.02
_TINY = 1e-3
_INSIDE = 0.99


@dataclass(frozen=True)
class Overlap:
    """Two photos, one laid on the other."""

    difference: float
    """How much they differ in the place where they do most, as a mean square; 1 is what noise of
    two grey levels and half a pixel explain."""

    shares: tuple[float, float]
    """How much of the area of either photo is in both; the first photo's first."""


def overlap(first: LocalFeatures, second: LocalFeatures, alignment: Alignment) -> Overlap | None:
    """Compare two photos where both show something; None if that is next to nothing.

    The one that is drawn larger is reduced, so that both are equally sharp.
    """
    matrix, scale, swapped = alignment.matrix, alignment.scale, alignment.scale > 1
    ours, theirs = first.pixels, second.pixels
    if swapped:
        matrix = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        scale = 1 / scale
        ours, theirs = theirs, ours
    size = ours.shape[1::-1]
    goal = _smooth(ours, _FINEST)
    finer = _smooth(theirs, _FINEST / scale)
    laid = cv2.warpAffine(finer, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(theirs.shape[:2], np.float32), matrix, size) > _INSIDE
    around = np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)
    inside = cv2.erode(inside.astype(np.uint8), around, borderValue=0) > 0
    share = float(inside.mean())
    if share < _LEAST_OVERLAP:
        return None
    of_other = share * inside.size / (theirs.shape[0] * theirs.shape[1] * scale**2)
    shares = (of_other, share) if swapped else (share, of_other)
    return Overlap(_difference(goal, np.asarray(laid, np.float32), inside), shares)


def _difference(goal: Floats, laid: Floats, inside: npt.NDArray[np.bool_]) -> float:
    """`Overlap.difference` of photos as they lie, after one was made as bright as the other."""
    left = np.square(goal - _as_bright(laid, goal, inside)).mean(axis=2)
    slopes = np.square(cv2.Sobel(goal, cv2.CV_32F, 1, 0, scale=1 / 8))
    slopes += np.square(cv2.Sobel(goal, cv2.CV_32F, 0, 1, scale=1 / 8))
    weights = inside.astype(np.float32)
    there = _mean_of_places(weights)
    within = inside & (there > _LEAST_OF_PLACE)
    allowed = _NOISE**2 * there + _OFF**2 * _mean_of_places(slopes.mean(axis=2) * weights)
    differs = _mean_of_places(left * weights)[within] / allowed[within]
    return float(differs.max(initial=0))


def _as_bright(laid: Floats, goal: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """One photo with the brightness and contrast of the other; all channels alike."""
    x, y = laid[inside].ravel(), goal[inside].ravel()
    gain = np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + _TINY)
    gain = np.clip(gain, _LEAST, _MOST)
    found: Floats = gain * (laid - x.mean()) + y.mean()
    return found


def _smooth(pixels: npt.NDArray[np.uint8], deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), deviation), np.float32)


def _mean_of_places(values: Floats) -> Floats:
    """The mean around each pixel; beyond the edges there is nothing."""
    size = (_PLACE, _PLACE)
    return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_CONSTANT), np.float32)
