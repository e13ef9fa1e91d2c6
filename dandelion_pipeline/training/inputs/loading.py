"""Photos of a split, decoded once and kept in memory."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image
from torch.nn.functional import interpolate

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.training.config import SPARE

T = TypeVar("T")
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos to crop at random, each squeezed into a square so that they make one tensor."""

    pixels: torch.Tensor
    """8-bit, shape ``(N, 3, S, S)``."""

    aspects: torch.Tensor
    """Width over height of each photo as it was, shape ``(N,)``."""

    labels: torch.Tensor
    """Classes by number, shape ``(N,)``."""

    groups: torch.Tensor | None = None
    """Numbers of groups of near-duplicates, shape ``(N,)``; None if that is not known."""

    @classmethod
    def of(
        cls,
        images: Iterable[Image.Image],
        labels: npt.NDArray[np.int64],
        size: int,
        groups: npt.NDArray[np.int64] | None = None,
    ) -> "TrainingPhotos":
        """Squeeze photos.

        Args:
            images: upright, RGB.
            labels: shape ``(N,)``.
            size: width and height of the crops that will be cut, pixels.
            groups: of near-duplicates, shape ``(N,)``.
        """
        squares = (_squeezed(image, size) for image in images)
        return cls._filled(squares, labels, size, groups)

    @classmethod
    def _filled(
        cls,
        squares: Iterable[tuple[Pixels, float]],
        labels: npt.NDArray[np.int64],
        size: int,
        groups: npt.NDArray[np.int64] | None,
    ) -> "TrainingPhotos":
        side = round(size * SPARE)
        # One tensor from the start: a list of photos beside it would take the memory twice.
        pixels = torch.empty(len(labels), 3, side, side, dtype=torch.uint8)
        aspects = torch.empty(len(labels))
        for number, (square, aspect) in enumerate(squares):
            pixels[number] = torch.from_numpy(square).permute(2, 0, 1)
            aspects[number] = aspect
        numbers = None if groups is None else torch.from_numpy(groups)
        return cls(pixels, aspects, torch.from_numpy(labels), numbers)

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
    groups: npt.NDArray[np.int64] | None = None
    """Numbers of groups of near-duplicates, shape ``(N,)``; None if that is not known."""


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

    def squeezed(data: bytes) -> tuple[Pixels, float]:
        return _squeezed(decode(data, preprocessing.shorter_side).image, preprocessing.size)

    squares = _on_all_cores(squeezed, read_photos(store, rows["sha256"].to_pylist()))
    return TrainingPhotos._filled(
        squares, labels_of(rows, classes), preprocessing.size, _groups(rows)
    )


def load_prepared(
    store: Store, rows: pa.Table, classes: Sequence[str], preprocessing: Preprocessing
) -> PreparedPhotos:
    """Read, decode and prepare the photos of a validation or test split."""
    contents = read_photos(store, rows["sha256"].to_pylist())
    pixels = _on_all_cores(lambda data: pixels_of(data, preprocessing), contents)
    return PreparedPhotos(np.stack(list(pixels)), labels_of(rows, classes), _groups(rows))


def _on_all_cores(work: Callable[[bytes], T], contents: Iterable[bytes]) -> Iterator[T]:
    """The results in order; Pillow lets go of Python's lock while it decodes and resizes."""
    return ordered_parallel_map(work, contents, concurrency=os.cpu_count() or 1)


def _squeezed(image: Image.Image, size: int) -> tuple[Pixels, float]:
    """A photo as a square that crops of ``size`` pixels are cut from, and width over height."""
    side = round(size * SPARE)
    square = image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.array(square), image.width / image.height


def _groups(rows: pa.Table) -> npt.NDArray[np.int64] | None:
    if "group" not in rows.column_names:
        return None
    _, numbers = np.unique(rows["group"].to_pylist(), return_inverse=True)
    return numbers.astype(np.int64)


def labels_of(rows: pa.Table, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """The classes of rows by number, shape ``(N,)``."""
    index = {label: number for number, label in enumerate(classes)}
    return np.array([index[label] for label in rows["label"].to_pylist()], dtype=np.int64)
