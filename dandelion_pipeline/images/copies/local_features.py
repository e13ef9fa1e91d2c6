"""What is needed of a photo to lay it on another: local features, and its pixels at a small size.

Local features are those of SIFT (D. Lowe, "Distinctive image features from scale-invariant
keypoints", 2004), by OpenCV; compared by Hellinger's distance (R. Arandjelovic, A. Zisserman,
"Three things everyone should know to improve object retrieval", 2012).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

LONGER_SIDE = 192
"""Pixels of the longer side at which features are looked for: 15 ms a photo."""

LEAST_SIDE = 48
"""Pixels of the shorter side: of a smaller photo, what features say is not worth much. Two crosses
of 28 pixels are the same cross, one of them rotated."""

MOST_FEATURES = 256
_DETECTED = 768
_CELL = LONGER_SIDE // 6
NUMBERS = 128
_SMALLEST = 16
_CONTRAST = 0.02  # half of what OpenCV takes: plain walls and skies have features too
_EDGE = 12.0


@dataclass(frozen=True)
class LocalFeatures:
    """The local features of one photo."""

    points: Floats
    """Where they lie in `pixels`, across and then down; the strongest of each cell of the photo
    come first. Shape ``(n, 2)``."""

    descriptors: Bytes
    """What it looks like around each; shape ``(n, 128)``."""

    pixels: Bytes
    """The photo, its longer side of `LONGER_SIDE`; 8-bit RGB of shape ``(height, width, 3)``."""

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def directions(self) -> Floats:
        """The descriptors so that products are similarities, 1 for equal ones."""
        sums = self.descriptors.sum(axis=1, keepdims=True, dtype=np.float32)
        directions: Floats = np.sqrt(self.descriptors / np.maximum(sums, np.float32(1)))
        return directions


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenCV use one thread: where photos are compared in threads, its own are in the way."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def local_features(image: Image.Image) -> LocalFeatures:
    """Find those of a photo.

    Args:
        image: upright, in 8-bit RGB, at whatever size.
    """
    scale = LONGER_SIDE / max(image.size)
    most = MOST_FEATURES if min(image.size) >= LEAST_SIDE else 0
    size = tuple(max(_SMALLEST, round(side * scale)) for side in image.size)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.resize(np.asarray(image), size, interpolation=way), np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(_DETECTED, contrastThreshold=_CONTRAST, edgeThreshold=_EDGE)
    found, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or not most:
        return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, NUMBERS), np.uint8), pixels)
    points = np.asarray([point.pt for point in found], np.float32)
    strength = np.asarray([point.response for point in found], np.float32)
    order = _evenly(points, strength)[:most]
    return LocalFeatures(points[order], descriptors[order].astype(np.uint8), pixels)


def _evenly(points: Floats, strength: Floats) -> npt.NDArray[np.intp]:
    """An order of features: the strongest of each cell of the photo, then the second ones.

    By strength alone, the black corners of a rotated page would leave nothing for its letters.
    """
    across, down = (points // _CELL).astype(np.intp).T
    cell = down * LONGER_SIDE + across
    order = np.lexsort((-strength, cell))
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    found: npt.NDArray[np.intp] = order[np.lexsort((-strength[order], rank))]
    return found
