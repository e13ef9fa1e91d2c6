"""The training photos that a bundle knows, and which of them resemble another photo most.

A bundle holds what its graph sees in some of the photos that it was trained on. The nearest ones
have the largest cosine, which is an exact product of a matrix and a vector: an index (faiss,
usearch) would answer approximately what takes less than a millisecond (docs/adr/0055).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.ood import Floats32, unit_length

NEIGHBOURS_FILE = "neighbours.safetensors"
"""A bundle has it if its manifest names it."""

_FEATURES, _LABELS, _HASHES = "features", "labels", "sha256"
_HASH_BYTES = 32
_ROUNDING = 0.01  # of a length of 1, in 16-bit floats


@dataclass(frozen=True)
class Neighbour:
    """A training photo that resembles another photo."""

    sha256: str
    """Of its file, in hexadecimal digits."""

    label: int
    """The number of its class."""

    cosine: float
    """Of the angle between the features of both: 1 for the same picture."""


@dataclass(frozen=True)
class Neighbours:
    """Training photos, by their features. 2,000 photos of 1,280 features take 10 MB of memory."""

    features: Floats32
    """Each of length 1, shape ``(N, features)``."""

    labels: npt.NDArray[np.int32]
    """Classes by number, shape ``(N,)``."""

    hashes: npt.NDArray[np.uint8]
    """SHA-256 of each photo's file, shape ``(N, 32)``."""

    def nearest(self, features: Floats32, count: int) -> list[Neighbour]:
        """The photos that resemble another one most, the nearest first.

        Args:
            features: of that photo, at any length, shape ``(features,)``.
            count: how many are wanted; all, if there are fewer.
        """
        cosines = self.features @ unit_length(features[np.newaxis])[0]
        order = np.argsort(-cosines, kind="stable")[:count]
        return [
            Neighbour(self.hashes[row].tobytes().hex(), int(self.labels[row]), float(cosines[row]))
            for row in order
        ]

    def to_bytes(self) -> bytes:
        """As a safetensors file, in 16-bit floats: nothing in it can run code when it is read."""
        half = self.features.astype(np.float16)
        return save({_FEATURES: half, _LABELS: self.labels, _HASHES: self.hashes})

    @classmethod
    def parse(cls, data: bytes, origin: str, classes: int) -> "Neighbours":
        """Read what `to_bytes` gave.

        Args:
            data: the file.
            origin: where it came from, for the error message.
            classes: how many the model knows.

        Raises:
            BundleError: it is no such file.
        """
        try:
            tensors = load(data)
            features, labels, hashes = (tensors[name] for name in (_FEATURES, _LABELS, _HASHES))
        except (SafetensorError, KeyError) as error:
            raise _unusable(origin, f"it cannot be read ({error})") from None
        types = [str(part.dtype) for part in (features, labels, hashes)]
        if types != ["float16", "int32", "uint8"]:
            raise _unusable(origin, f"its parts are of the types {', '.join(types)}")
        photos = len(labels) if labels.ndim else 0
        if (
            not photos
            or features.ndim != 2  # noqa: PLR2004  photos, features
            or (len(features), labels.shape, hashes.shape)
            != (photos, (photos,), (photos, _HASH_BYTES))
        ):
            shapes = [part.shape for part in (features, labels, hashes)]
            raise _unusable(origin, f"its parts do not belong together: {shapes}")
        if labels.min() < 0 or labels.max() >= classes:
            raise _unusable(origin, f"it names classes that are none of the model's {classes}")
        found = features.astype(np.float32)
        # Written so that what is no number fails, too.
        if not (abs(np.linalg.norm(found, axis=1) - 1) < _ROUNDING).all():
            raise _unusable(origin, "its features are not of length 1")
        return cls(found, labels, hashes)


def _unusable(origin: str, why: str) -> BundleError:
    return BundleError(
        f"the training photos in {origin}", why, "Publish again, or make another version live"
    )
