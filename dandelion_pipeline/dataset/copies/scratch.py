"""Local features of many photos in a temporary file: 110 KB a photo are too much for memory."""

import mmap
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from dandelion_pipeline.images.copies.local_features import NUMBERS, LocalFeatures


@dataclass(frozen=True)
class _Place:
    start: int
    features: int
    height: int
    width: int


@dataclass
class Scratch:
    """Where they lie while pairs are compared; the file is removed in the end."""

    _places: dict[int, _Place] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by `__exit__`
        self._size = 0

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def write(self, numbered: Iterable[tuple[int, LocalFeatures]]) -> None:
        """Add those of photos, each under a number."""
        self._file.seek(self._size)
        for number, one in numbered:
            height, width, _ = one.pixels.shape
            self._places[number] = _Place(self._size, len(one), height, width)
            for part in (one.points, one.descriptors, one.pixels):
                self._size += self._file.write(np.ascontiguousarray(part).tobytes())
        self._file.flush()

    def reader(self) -> "Reader":
        """What has been written so far."""
        return Reader(mmap.mmap(self._file.fileno(), self._size, prot=mmap.PROT_READ), self._places)


@dataclass(frozen=True)
class Reader:
    """Reads local features, in any thread."""

    _data: mmap.mmap
    _places: dict[int, _Place]

    def __getitem__(self, number: int) -> LocalFeatures:
        at = self._places[number]
        points = self._part(at.start, np.float32, (at.features, 2))
        descriptors = self._part(at.start + points.nbytes, np.uint8, (at.features, NUMBERS))
        start = at.start + points.nbytes + descriptors.nbytes
        return LocalFeatures(
            points, descriptors, self._part(start, np.uint8, (at.height, at.width, 3))
        )

    def _part(self, start: int, kind: type, shape: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(shape))
        return np.frombuffer(self._data, kind, count, start).reshape(shape)
