"""Photos of a split, decoded once and kept in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image
from torch.nn.functional import interpolate

from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.kept import read_kept
from dandelion_pipeline.images.preprocess import Preprocessing, prepare
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.training.config import SPARE


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos to crop at random, each squeezed into a square so that they make one tensor."""

    pixels: torch.Tensor
    """8-bit, shape ``(N, 3, S, S)``."""

    aspects: torch.Tensor
    """Width over height of each photo as it was, shape ``(N,)``."""

    labels: torch.Tensor
    """Classes by number, shape ``(N,)``."""

    @classmethod
    def of(
        cls, images: Iterable[Image.Image], labels: npt.NDArray[np.int64], size: int
    ) -> "TrainingPhotos":
        """Squeeze photos.

        Args:
            images: upright, RGB.
            labels: shape ``(N,)``.
            size: width and height of the crops that will be cut, pixels.
        """
        side = round(size * SPARE)
        pixels, aspects = [], []
        for image in images:
            square = image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
            pixels.append(torch.from_numpy(np.array(square)).permute(2, 0, 1))
            aspects.append(image.width / image.height)
        return cls(torch.stack(pixels), torch.tensor(aspects), torch.from_numpy(labels))

    def shrunk(self, size: int) -> "TrainingPhotos":
        """The same photos, no larger than crops of ``size`` pixels can use."""
        side = round(size * SPARE)
        if side >= self.pixels.shape[-1]:
            return self
        pixels = interpolate(self.pixels, (side, side), mode="bilinear", antialias=True)
        return replace(self, pixels=pixels)


@dataclass(frozen=True)
class PreparedPhotos:
    """Photos as the served model gets them: 8-bit pixels ``(N, size, size, 3)``."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def load_training(
    store: Store, rows: pa.Table, classes: Sequence[str], preprocessing: Preprocessing
) -> TrainingPhotos:
    """Read and decode the photos of a training split, once for all epochs.

    Args:
        store: where they lie.
        rows: the training split.
        classes: in the order of their numbers.
        preprocessing: of the model; crops will be as large as its input.
    """
    images = _decoded(store, rows, preprocessing)
    return TrainingPhotos.of(images, _labels(rows, classes), preprocessing.size)


def load_prepared(
    store: Store, rows: pa.Table, classes: Sequence[str], preprocessing: Preprocessing
) -> PreparedPhotos:
    """Read, decode and prepare the photos of a validation or test split."""
    pixels = [prepare(image, preprocessing) for image in _decoded(store, rows, preprocessing)]
    return PreparedPhotos(np.stack(pixels), _labels(rows, classes))


def _decoded(store: Store, rows: pa.Table, preprocessing: Preprocessing) -> Iterator[Image.Image]:
    contents = read_kept(store, rows["sha256"].to_pylist())
    return (decode(data, preprocessing.shorter_side).image for data in contents)


def _labels(rows: pa.Table, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    index = {label: number for number, label in enumerate(classes)}
    return np.array([index[label] for label in rows["label"].to_pylist()], dtype=np.int64)
