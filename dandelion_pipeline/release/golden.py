"""Golden examples: prepared photos, and what the trained network itself says of them.

The graph in 8-bit integers has answers of its own: those that it gave where it was judged.
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

_PIXELS, _LOGITS, _INT8_LOGITS = "pixels", "logits", "int8_logits"


@dataclass(frozen=True)
class Golden:
    """Photos and answers, one row each."""

    pixels: npt.NDArray[np.uint8]
    """Prepared photos, shape ``(N, size, size, 3)``."""

    logits: npt.NDArray[np.float32]
    """The network's answers in torch, shape ``(N, classes)``, before any temperature."""

    int8_logits: npt.NDArray[np.float32] | None = None
    """Those of the graph in 8-bit integers; None without such a graph, and in older bundles."""

    def to_bytes(self) -> bytes:
        """As a safetensors file: nothing in it can run code when it is read."""
        int8 = {} if self.int8_logits is None else {_INT8_LOGITS: self.int8_logits}
        return save({_PIXELS: self.pixels, _LOGITS: self.logits, **int8})

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
            golden = cls(tensors[_PIXELS], tensors[_LOGITS], tensors.get(_INT8_LOGITS))
        except (SafetensorError, KeyError) as error:
            raise _unusable(origin, f"it cannot be read ({error})") from None
        if not golden.is_sound():
            shapes = f"{golden.pixels.shape} and {golden.logits.shape}"
            raise _unusable(origin, f"{shapes} are no photos with an answer for each")
        return golden

    def is_sound(self) -> bool:
        """Whether there is at least one photo, and one finite answer for each."""
        answers = [self.logits] if self.int8_logits is None else [self.logits, self.int8_logits]
        return (
            self.pixels.dtype == np.uint8
            and self.pixels.ndim == 4  # noqa: PLR2004  rows, height, width, channels
            and 0 < len(self.pixels) == len(self.logits)
            and all(one.dtype == np.float32 for one in answers)
            and all(one.ndim == 2 for one in answers)  # noqa: PLR2004  rows, classes
            and all(one.shape == self.logits.shape for one in answers)
            and all(bool(np.isfinite(one).all()) for one in answers)
        )


def _unusable(origin: str, why: str) -> BundleError:
    return BundleError(
        f"the golden examples {origin}", why, "Publish again, or make another version live"
    )
