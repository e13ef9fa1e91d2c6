"""Golden examples: prepared photos, and what the trained network itself says of them.

A server that loads a bundle recomputes them, so that a graph which answers otherwise on that
machine than it did where it was trained never answers anybody. Logits are kept, and not
probabilities: what the server says follows from them at whatever temperature the manifest has.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dandelion_pipeline.errors import BundleError

GOLDEN_FILE = "golden.safetensors"
GOLDEN_PHOTOS = 8
"""Enough for each class of a few, and an instant to recompute."""

_PIXELS, _LOGITS = "pixels", "logits"


@dataclass(frozen=True)
class Golden:
    """Photos and answers, one row each."""

    pixels: npt.NDArray[np.uint8]
    """Prepared photos, shape ``(N, size, size, 3)``."""

    logits: npt.NDArray[np.float32]
    """The network's answers in torch, shape ``(N, classes)``, before any temperature."""

    def to_bytes(self) -> bytes:
        """As a safetensors file: nothing in it can run code when it is read."""
        return save({_PIXELS: self.pixels, _LOGITS: self.logits})

    @classmethod
    def parse(cls, data: bytes, origin: str) -> "Golden":
        """Read what `to_bytes` gave.

        Args:
            data: the file.
            origin: where it came from, for the error message.

        Raises:
            BundleError: it is no such file.
        """
        try:
            tensors = load(data)
            golden = cls(tensors[_PIXELS], tensors[_LOGITS])
        except (SafetensorError, KeyError) as error:
            raise _unusable(origin, f"it cannot be read ({error})") from None
        if not golden.is_sound():
            shapes = f"{golden.pixels.shape} and {golden.logits.shape}"
            raise _unusable(origin, f"{shapes} are no photos with an answer for each")
        return golden

    def is_sound(self) -> bool:
        """Whether there is at least one photo, and one finite answer for each."""
        return (
            self.pixels.dtype == np.uint8
            and self.pixels.ndim == 4  # noqa: PLR2004  rows, height, width, channels
            and self.logits.dtype == np.float32
            and self.logits.ndim == 2  # noqa: PLR2004  rows, classes
            and 0 < len(self.pixels) == len(self.logits)
            and bool(np.isfinite(self.logits).all())
        )


def _unusable(origin: str, why: str) -> BundleError:
    return BundleError(
        f"the golden examples {origin}", why, "Publish again, or make another version live"
    )
