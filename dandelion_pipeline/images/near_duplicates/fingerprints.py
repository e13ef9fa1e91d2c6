"""Fingerprints of photos: what of a photo survives its being saved, resized or cropped again.

`detail` holds the lowest coefficients of the cosine transform of a photo's luma, those within a
quarter disc, each times its frequency: pictures of nature hold about as much of each then (D. J.
Field, "Relations between the statistics of natural images", 1987), and one byte does for each.
`pixels` is a hash of that, and of 32 x 32 of the photo's pixels.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from dandelion_pipeline.images.measures.luma import SMALL_SIDE, Luma

Floats = npt.NDArray[np.float32]

SIDE = 64
HIGHEST = 14
"""The highest frequency that is kept, in half waves a photo."""

LEAST_DETAIL = 1.0
"""Below so many grey levels a coefficient (root mean square), what is left is noise."""

PIXELS_BYTES = 8
_SOME = 32  # rows and columns of pixels that count
_STEPS = 24  # of a coefficient's byte to the root mean square of all of them
_LONGEST = 2 * SMALL_SIDE  # rows or columns: so long is what is left of a strip

_ROWS, _COLUMNS = np.mgrid[: HIGHEST + 1, : HIGHEST + 1]
FREQUENCY: Floats = np.hypot(_ROWS, _COLUMNS).astype(np.float32)
"""Of each coefficient, in half waves a photo; shape ``(HIGHEST + 1, HIGHEST + 1)``."""

KEPT: npt.NDArray[np.bool_] = (FREQUENCY > 0) & (FREQUENCY <= HIGHEST)
"""Which coefficients a fingerprint holds; shape like `FREQUENCY`."""

DETAIL_BYTES = int(KEPT.sum())


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one photo."""

    pixels: bytes
    """`PIXELS_BYTES` that are equal where the pixels are."""

    detail: bytes
    """`DETAIL_BYTES` signed coefficients; empty for a photo without detail, as of one colour."""


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of n photos, in columns."""

    pixels: npt.NDArray[np.uint64]
    """Shape ``(n,)``."""

    detail: npt.NDArray[np.int8]
    """Shape ``(n, DETAIL_BYTES)``; a row of zeros stands for none."""

    def __len__(self) -> int:
        return len(self.pixels)

    @classmethod
    def of(cls, each: Sequence[Fingerprint]) -> "Fingerprints":
        """Those of a list."""
        return cls.of_columns(
            pa.array([one.pixels for one in each], pa.binary()),
            pa.array([one.detail for one in each], pa.binary()),
        )

    @classmethod
    def of_columns(
        cls, pixels: pa.Array | pa.ChunkedArray, detail: pa.Array | pa.ChunkedArray
    ) -> "Fingerprints":
        """Those of two binary columns of a table, without nulls."""
        found = _joined(detail).view(np.int8).reshape(-1, DETAIL_BYTES)
        if len(found) < len(detail):
            full = np.zeros((len(detail), DETAIL_BYTES), np.int8)
            full[np.asarray(pc.greater(pc.binary_length(detail), 0), dtype=bool)] = found
            found = full
        return cls(_joined(pixels).view(np.uint64), found)

    def take(self, rows: npt.NDArray[np.intp]) -> "Fingerprints":
        """Those of some photos."""
        return Fingerprints(self.pixels[rows], self.detail[rows])

    def detailed(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int8]]:
        """The rows of the photos that have detail, and this; most often it is all there is."""
        rows = np.flatnonzero(self.detail.any(axis=1))
        return rows, self.detail if len(rows) == len(self) else self.detail[rows]


def _joined(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """All bytes of a binary column, without a Python object for each row."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = []
    for chunk in chunks:
        if len(chunk):
            _, starts, values = chunk.buffers()
            ends = np.frombuffer(starts, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            parts.append(np.frombuffer(values or b"", np.uint8)[ends[0] : ends[-1]])
    return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else np.zeros(0, np.uint8)


def fingerprint(image: Image.Image, luma: Luma | None = None) -> Fingerprint:
    """The fingerprint of a photo.

    Args:
        image: upright, in 8-bit RGB, decoded at whatever scale.
        luma: that of the photo, where it is at hand.
    """
    cells = _cells((luma or Luma.of(image)).small)
    height, width = cells.shape
    waves = (analysis(height) @ cells.astype(np.float32) @ analysis(width).T * FREQUENCY)[KEPT]
    strength = float(np.sqrt(np.mean(waves**2)))
    detail = b""
    if strength >= LEAST_DETAIL:
        steps = np.clip(np.rint(waves * (_STEPS / strength)), -127, 127)
        detail = steps.astype(np.int8).tobytes()
    some = image.resize((_SOME, _SOME), Image.Resampling.NEAREST)
    seen = struct.pack("<II", *image.size) + some.tobytes() + detail
    return Fingerprint(hashlib.blake2b(seen, digest_size=PIXELS_BYTES).digest(), detail)


def _cells(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As many rows and columns as its waves need, and no more than a strip is worth."""
    height, width = (min(max(side, SIDE), _LONGEST) for side in luma.shape)
    if (height, width) == luma.shape:
        return luma
    return np.asarray(Image.fromarray(luma).resize((width, height), Image.Resampling.BILINEAR))


def coefficients(detail: npt.NDArray[np.int8]) -> Floats:
    """Coefficients of n photos, each times its frequency.

    Returns:
        Shape ``(n, HIGHEST + 1, HIGHEST + 1)``, rows first; zero where nothing is kept.
    """
    full = np.zeros((len(detail), *KEPT.shape), np.float32)
    full[:, KEPT] = detail
    return full


def mirrored(waves: Floats) -> Floats:
    """The coefficients of the photos, left and right changed; shapes as in `coefficients`."""
    return waves * np.where(np.arange(HIGHEST + 1) % 2, -1, 1).astype(np.float32)


def cosines(places: Floats) -> Floats:
    """The waves at some places; 0 is the photo's one edge and 1 the other.

    Returns:
        The shape of ``places`` with one axis more, of ``HIGHEST + 1`` waves.
    """
    return np.cos(np.pi * places[..., None] * np.arange(HIGHEST + 1, dtype=np.float32))


def centres(cells: int) -> Floats:
    """The centres of so many cells from edge to edge."""
    return ((np.arange(cells) + 0.5) / cells).astype(np.float32)


@cache
def analysis(cells: int) -> Floats:
    """What makes coefficients of the values at `centres`; shape ``(HIGHEST + 1, cells)``."""
    scale = np.where(np.arange(HIGHEST + 1), 2, 1)[:, None] / cells
    return (cosines(centres(cells)).T * scale).astype(np.float32)
