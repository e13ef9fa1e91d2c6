"""Photos of a split, decoded once and kept in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image

from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.kept import read_kept
from dandelion_pipeline.images.preprocess import Preprocessing, prepare
from dandelion_pipeline.storage.store import Store

SPARE = 1.25
"""Training photos keep this many times the input's size, for crops to choose from."""


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos to crop at random: 8-bit pixels ``(3, H, W)`` each, of differing sizes."""

    pixels: list[torch.Tensor]
    labels: torch.Tensor


@dataclass(frozen=True)
class PreparedPhotos:
    """Photos as the served model gets them: 8-bit pixels ``(N, size, size, 3)``."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def load_training(
    store: Store, rows: pa.Table, classes: Sequence[str], size: int
) -> TrainingPhotos:
    """Read and decode the photos of a training split."""
    pixels = _decode(store, rows, lambda image: _shrunk(image, round(size * SPARE)))
    return TrainingPhotos(
        [torch.from_numpy(array).permute(2, 0, 1).contiguous() for array in pixels],
        torch.from_numpy(_labels(rows, classes)),
    )


def load_prepared(
    store: Store, rows: pa.Table, classes: Sequence[str], preprocessing: Preprocessing
) -> PreparedPhotos:
    """Read, decode and prepare the photos of a validation or test split."""
    pixels = _decode(store, rows, lambda image: prepare(image, preprocessing))
    return PreparedPhotos(np.stack(pixels), _labels(rows, classes))


def _decode(
    store: Store, rows: pa.Table, shape: Callable[[Image.Image], npt.NDArray[np.uint8]]
) -> list[npt.NDArray[np.uint8]]:
    photos = read_kept(store, rows["sha256"].to_pylist())
    return [shape(decode(data).image) for data in photos]


def _shrunk(image: Image.Image, shorter: int) -> npt.NDArray[np.uint8]:
    factor = shorter / min(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    resized = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.array(resized, dtype=np.uint8)


def _labels(rows: pa.Table, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    index = {label: number for number, label in enumerate(classes)}
    return np.array([index[label] for label in rows["label"].to_pylist()], dtype=np.int64)
