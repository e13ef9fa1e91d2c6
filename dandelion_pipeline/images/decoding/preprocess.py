"""How a photo becomes the model's input. The manifest of every model carries these numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from dandelion_pipeline.images.decoding.decode import SHORTER_SIDE, decode


class Preprocessing(BaseModel):
    """The way from an upright RGB photo to the model's input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=16, le=1024)
    """Width and height of the model's input, in pixels."""

    crop: float = Field(default=0.9, gt=0, le=1)
    """The centred square that is kept, as a share of the photo's shorter side; if the photo is
    stretched, the centred part, as a share of each side."""

    stretch: bool = False
    """Whether the photo is squeezed to a square, whatever its proportions. A manifest does not say
    so where it is not, because an older API refuses what it does not know."""

    shorter_side: int = Field(default=SHORTER_SIDE, ge=16)
    """Pixels that the shorter side of a larger JPEG keeps at least when it is decoded. A manifest
    that does not say so is of a time when it was the default."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of the channels, on a scale from 0 to 1. Source: ImageNet, as in torchvision's presets."""

    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Of the channels, like ``mean``. Both are applied inside the model's graph."""

    def window(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a photo that is kept: left, top, width and height, in pixels.

        Args:
            width: of the upright photo, in pixels.
            height: likewise.
        """
        shorter = min(width, height)
        sides = (width, height) if self.stretch else (shorter, shorter)
        across, down = (side * self.crop for side in sides)
        return (width - across) / 2, (height - down) / 2, across, down

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        if not self.stretch:
            document.pop("stretch", None)
        return document


def pixels_of(data: bytes, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Decode and prepare a photo.

    Returns:
        As `prepare`.

    Raises:
        ImageRefused: these bytes are no photo that we accept.
    """
    return prepare(decode(data, preprocessing.shorter_side).image, preprocessing)


def prepare(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Crop and resize a photo.

    Returns:
        Pixels of shape ``(size, size, 3)``, 8-bit RGB: one row of the model's input.
    """
    left, top, across, down = preprocessing.window(*image.size)
    square = image.resize(
        (preprocessing.size, preprocessing.size),
        Image.Resampling.BILINEAR,
        box=(left, top, left + across, top + down),
        reducing_gap=3.0,
    )
    return np.asarray(square, dtype=np.uint8)
