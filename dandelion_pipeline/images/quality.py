"""What can be measured on one photo, and which photos are too poor to learn from."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.images.decode import Photo

FOCUS_SIDE = 256
"""Pixels that the shorter side has at most where blur is measured."""

_FILTER = 9  # taps of the blur effect's filter, as in the paper
_ROUNDING = 1  # grey levels between neighbours that rounding to 8 bits makes of a smooth ramp
_LEVELS = np.arange(256)


@dataclass(frozen=True)
class Quality:
    """Measurements of one upright photo. Luma is that of ITU-R BT.601, from 0 to 255."""

    width: int
    """Pixels of the file's photo, however small it was decoded."""

    height: int
    """Pixels, like ``width``."""

    format: str
    """One of `decode.FORMATS`."""

    brightness: float
    """Mean luma: 0 is black, 255 is white."""

    contrast: float
    """Standard deviation of the luma."""

    blur: float
    """The blur effect: 0 is sharp, 1 is blurred, or nothing to see."""

    information: float
    """Shannon entropy of the luma's histogram, 0 to 8 bits."""

    aspect: float
    """Width / height."""


_TYPES: dict[object, pa.DataType] = {int: pa.int32(), float: pa.float32(), str: pa.string()}
QUALITY_SCHEMA = pa.schema(
    [pa.field(field.name, _TYPES[field.type], nullable=False) for field in fields(Quality)]
)
"""`Quality` as columns."""


class QualityLimits(BaseModel):
    """From where on a photo is too poor. The defaults drop what teaches nothing, no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_side: int = Field(default=32, ge=1, description="Pixels of the shorter side")
    lowest_contrast: float = Field(
        default=2.0, ge=0, le=128, description="Standard deviation of the luma, 0 to 128"
    )
    lowest_brightness: float = Field(default=5.0, ge=0, le=255, description="Mean luma, 0 to 255")
    highest_brightness: float = Field(
        default=251.0, ge=0, le=255, description="Mean luma, 0 to 255"
    )
    highest_blur: float = Field(
        default=0.85, ge=0, le=1, description="Blur effect, from 0 (sharp) to 1 (blurred)"
    )
    lowest_information: float = Field(
        default=1.0, ge=0, le=8, description="Entropy of the luma's histogram, bits"
    )
    highest_aspect: float = Field(default=5.0, ge=1, description="Longer side / shorter side")


def measure(photo: Photo) -> Quality:
    """Measure a photo; numbers are rounded to 32 bits, as tables keep them."""
    luma = photo.image.convert("L")
    shares = np.asarray(luma.histogram(), dtype=np.float64) / (luma.width * luma.height)
    brightness = float(shares @ _LEVELS)
    contrast = float(np.sqrt(shares @ (_LEVELS - brightness) ** 2))
    there = shares[shares > 0]
    return Quality(
        photo.width,
        photo.height,
        photo.format,
        _stored(brightness),
        _stored(contrast),
        _stored(blur_effect(luma)),
        _stored(abs(float(there @ np.log2(there)))),
        _stored(photo.width / photo.height),
    )


def drop_reason(quality: Quality, limits: QualityLimits) -> str:
    """Why a photo is of no use for training; empty if it is."""
    one = pa.Table.from_pylist([asdict(quality)], schema=QUALITY_SCHEMA)
    reason: str = drop_reasons(one, limits)[0].as_py()
    return reason


def drop_reasons(measured: pa.Table, limits: QualityLimits) -> pa.Array:
    """Why each of many photos is of no use for training; the first reason, or an empty text.

    Args:
        measured: the columns of `QUALITY_SCHEMA`, among others.
        limits: from where on a photo is too poor.
    """
    checks = _checks(measured, limits)
    codes = np.select(list(checks.values()), range(1, len(checks) + 1), default=0)
    return pa.array(["", *checks]).take(pa.array(codes, pa.int8()))


def _checks(measured: pa.Table, limits: QualityLimits) -> dict[str, npt.NDArray[np.bool_]]:
    """By reason, the gravest first: which photos fail."""

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.asarray(measured[name].to_numpy(), dtype=np.float64)

    smallest = limits.smallest_side
    brightness, aspect = column("brightness"), column("aspect")
    return {
        f"smaller than {smallest} pixels": np.minimum(column("width"), column("height")) < smallest,
        "one even colour": column("contrast") < limits.lowest_contrast,
        "too dark": brightness < limits.lowest_brightness,
        "too bright": brightness > limits.highest_brightness,
        "blurred": column("blur") > limits.highest_blur,
        "too little to see": column("information") < limits.lowest_information,
        "a strip": np.maximum(aspect, 1 / aspect) > limits.highest_aspect,
    }


def blur_effect(luma: Image.Image) -> float:
    """How blurred a grey picture is, whatever its size, brightness and contrast.

    A picture that is blurred loses little when it is blurred again: what is compared is how
    much neighbouring pixels differ before and after a filter of nine taps, along both axes,
    and the worse one counts. Larger pictures are brought down to `FOCUS_SIDE` before, so that
    a photo and a smaller copy of it are judged alike.

    Source: Crété, Dolmière, Ladret, Nicolas, "The Blur Effect: Perception and Estimation with a
    New No-Reference Perceptual Blur Metric", SPIE 6492 (2007).

    Returns:
        From 0 (sharp) to 1 (blurred). 1 too for what is even, or has fewer than ten pixels.
    """
    shrink = FOCUS_SIDE / min(luma.size)
    if shrink < 1:
        width, height = (max(1, round(side * shrink)) for side in luma.size)
        luma = luma.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(luma).astype(np.int16)
    return max(_blur_down(pixels), _blur_down(np.ascontiguousarray(pixels.T)))


def _blur_down(pixels: npt.NDArray[np.int16]) -> float:
    """The share of the differences between rows that is still there after filtering."""
    if len(pixels) <= _FILTER:
        return 1.0
    before = np.abs(np.diff(pixels, axis=0)[_FILTER // 2 : -(_FILTER // 2)])
    before = _FILTER * (np.maximum(before, _ROUNDING) - _ROUNDING)
    # Neighbours in a filtered column share eight of nine taps: they differ by the two others.
    after = np.abs(pixels[_FILTER:] - pixels[:-_FILTER])
    differed = int(before.sum(dtype=np.int64))
    left = int(np.minimum(before, after, out=after).sum(dtype=np.int64))
    return left / differed if differed else 1.0


def _stored(number: float) -> float:
    return float(np.float32(number))
