"""Out-of-distribution detection: whether a photo looks like those that a model was trained on.

A bundle says what the features of its training photos look like: a Gaussian for each class, with
one covariance for all. What is measured is the Mahalanobis distance to the nearest class (K. Lee et
al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks",
2018, arXiv:1807.03888), of two kinds of features: those at the end of the network, which tell other
subjects, and those of an earlier stage, which tell other colours and textures.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dandelion_pipeline.errors import BundleError

OOD_FILE = "ood.safetensors"

_MEANS, _DIRECTIONS, _PRECISIONS, _REST = "means", "directions", "precisions", "rest"
_TINY = 1e-12

Floats32 = npt.NDArray[np.float32]


class OutOfDistribution(BaseModel):
    """What a manifest says about `OOD_FILE`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photos: int
    """Of the training and validation splits, which the limits were found with."""

    false_alarms: float = Field(gt=0, lt=1)
    """The share of photos like those of training that the limits are made to flag."""

    limits: dict[str, float] = Field(min_length=1)
    """The distance above which a photo is out of distribution, by the graph that computed it."""


@dataclass(frozen=True)
class FeatureDistribution:
    """What the features of the training photos look like."""

    means: Floats32
    """Of each class that has photos, shape ``(classes, features)``."""

    directions: Floats32
    """Orthonormal, in which the features vary most around these means, ``(features, k)``."""

    precisions: Floats32
    """Inverse of the variance in each of these directions, shape ``(k,)``."""

    rest: float
    """Inverse of the variance in any other direction."""

    def distances(self, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Mahalanobis distance of each photo to the class that is nearest to it.

        Args:
            features: as `joined` gives them, shape ``(N, features)``.

        Returns:
            Shape ``(N,)``.
        """
        unit = np.asarray(features, np.float32)
        along, extra = unit @ self.directions, self.precisions - self.rest
        # Squares are expanded, so that no array is of photos, classes and features.
        lengths = np.square(unit).sum(axis=1, keepdims=True) - 2 * unit @ self.means.T
        squares = self.rest * lengths + (np.square(along) @ extra)[:, np.newaxis]
        squares += self._of_means - 2 * (along * extra) @ self._known.T
        nearest: npt.NDArray[np.float64] = squares.min(axis=1).clip(min=0).astype(np.float64)
        return np.sqrt(nearest)

    @cached_property
    def _known(self) -> Floats32:
        known: Floats32 = self.means @ self.directions
        return known

    @cached_property
    def _of_means(self) -> Floats32:
        extra = self.precisions - self.rest
        of_each: Floats32 = self.rest * np.square(self.means).sum(axis=1)
        of_each += np.square(self._known) @ extra
        return of_each

    def to_bytes(self) -> bytes:
        """As a safetensors file: nothing in it can run code when it is read."""
        rest = np.array([self.rest], np.float32)
        return save(
            {
                _MEANS: self.means,
                _DIRECTIONS: np.ascontiguousarray(self.directions),
                _PRECISIONS: self.precisions,
                _REST: rest,
            }
        )

    @classmethod
    def parse(cls, data: bytes, origin: str) -> "FeatureDistribution":
        """Read what `to_bytes` gave.

        Args:
            data: the file.
            origin: where it came from, for the error message.

        Raises:
            BundleError: it is no such file.
        """
        try:
            tensors = load(data)
            parts = [tensors[name] for name in (_MEANS, _DIRECTIONS, _PRECISIONS, _REST)]
        except (SafetensorError, KeyError) as error:
            raise _unusable(origin, f"it cannot be read ({error})") from None
        means, directions, precisions, rest = parts
        shapes = [part.shape for part in parts]
        if any(part.dtype != np.float32 or not np.isfinite(part).all() for part in parts):
            raise _unusable(origin, "it holds what is no finite 32-bit float")
        if (
            means.ndim != 2  # noqa: PLR2004  classes, features
            or not len(means)
            or shapes[1:] != [(means.shape[1], len(precisions)), (len(precisions),), (1,)]
        ):
            raise _unusable(origin, f"its parts do not belong together: {shapes}")
        return cls(means, directions, precisions, float(rest[0]))


def joined(features: Floats32, early: Floats32) -> Floats32:
    """Both kinds of features of each photo, each made of length 1, end to end.

    Args:
        features: pooled at the end of the network, shape ``(N, a)``.
        early: of an earlier stage, shape ``(N, b)``.

    Returns:
        Shape ``(N, a + b)``.
    """
    return np.concatenate([unit_length(features), unit_length(early)], axis=1)


def unit_length(features: Floats32) -> Floats32:
    """Each row divided by its length; a row of zeros stays as it is. Shape ``(N, features)``."""
    numbers = np.asarray(features, np.float32)
    lengths = np.sqrt(np.square(numbers).sum(axis=1, keepdims=True) + _TINY)
    return np.asarray(numbers / lengths, np.float32)


def _unusable(origin: str, why: str) -> BundleError:
    return BundleError(
        f"the feature distribution {origin}", why, "Publish again, or make another version live"
    )
