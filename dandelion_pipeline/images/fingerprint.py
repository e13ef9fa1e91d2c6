"""Fingerprints of photos: what of a photo survives its being saved, resized or cropped again.

A photo is shrunk to 64 x 64 pixels. `pixels` is a hash of that. `detail` holds the lowest
coefficients of the cosine transform of its luma, those within a quarter disc, each times its
frequency: pictures of nature hold about as much of each then (D. J. Field, "Relations between
the statistics of natural images", 1987), and one byte does for each.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

Floats = npt.NDArray[np.float32]

SIDE = 64
HIGHEST = 14
"""The highest frequency that is kept, in half waves a photo."""

LEAST_DETAIL = 1.0
"""Below so many grey levels a coefficient (root mean square), what is left is noise."""

PIXELS_BYTES = 8
_STEPS = 24  # of a coefficient's byte to the root mean square of all of them
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

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
        return cls._joined([one.pixels for one in each], [one.detail for one in each])

    @classmethod
    def of_columns(
        cls, pixels: pa.Array | pa.ChunkedArray, detail: pa.Array | pa.ChunkedArray
    ) -> "Fingerprints":
        """Those of two binary columns of a table, without nulls."""
        return cls._joined(pixels.to_pylist(), detail.to_pylist())

    @classmethod
    def _joined(cls, pixels: list[bytes], detail: list[bytes]) -> "Fingerprints":
        rows = b"".join(one or bytes(DETAIL_BYTES) for one in detail)
        return cls(
            np.frombuffer(b"".join(pixels), np.uint64),
            np.frombuffer(rows, np.int8).reshape(len(pixels), DETAIL_BYTES),
        )

    def take(self, rows: npt.NDArray[np.intp]) -> "Fingerprints":
        """Those of some photos."""
        return Fingerprints(self.pixels[rows], self.detail[rows])

    def detailed(self) -> npt.NDArray[np.intp]:
        """The rows of the photos that have detail."""
        return np.flatnonzero(self.detail.any(axis=1))


def fingerprint(image: Image.Image) -> Fingerprint:
    """The fingerprint of an upright photo in 8-bit RGB, decoded at whatever scale."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    colours = np.asarray(small)
    size = struct.pack("<II", *image.size)
    pixels = hashlib.blake2b(size + colours.tobytes(), digest_size=PIXELS_BYTES).digest()
    waves = (_COSINES @ (colours @ _LUMA) @ _COSINES.T * FREQUENCY)[KEPT]
    strength = float(np.sqrt(np.mean(waves**2)))
    if strength < LEAST_DETAIL:
        return Fingerprint(pixels, b"")
    steps = np.clip(np.rint(waves * (_STEPS / strength)), -127, 127)
    return Fingerprint(pixels, steps.astype(np.int8).tobytes())


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


def analysis(cells: int) -> Floats:
    """What makes coefficients of the values at `centres`; shape ``(HIGHEST + 1, cells)``."""
    scale = np.where(np.arange(HIGHEST + 1), 2, 1)[:, None] / cells
    return (cosines(centres(cells)).T * scale).astype(np.float32)


_COSINES = analysis(SIDE)
