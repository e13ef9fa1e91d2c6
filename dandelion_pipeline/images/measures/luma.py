"""The luma of a photo, made once for all that is measured on it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SMALL_SIDE = 256
"""Pixels that the shorter side of `Luma.small` has at most."""


@dataclass(frozen=True)
class Luma:
    """The luma of a photo (ITU-R BT.601), 0 to 255."""

    whole: Image.Image
    """Of mode L, as large as the decoded photo."""

    small: npt.NDArray[np.uint8]
    """Brought down to `SMALL_SIDE` where the photo is larger; shape ``(height, width)``."""

    @classmethod
    def of(cls, image: Image.Image) -> "Luma":
        """That of an upright photo, in 8-bit RGB or grey."""
        whole = image.convert("L")
        shrink = SMALL_SIDE / min(whole.size)
        if shrink >= 1:
            return cls(whole, np.asarray(whole))
        width, height = (max(1, round(side * shrink)) for side in whole.size)
        small = whole.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return cls(whole, np.asarray(small))
