"""What can be measured on one photo, and which photos are too poor to learn from."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.images.decode import Photo
from dandelion_pipeline.images.luma import Luma

_FILTER = 9  # taps of the blur effect's filter, as in the paper
_ROUNDING = 1  # grey levels between neighbours that rounding to 8 bits makes of a smooth ramp
_IN_16_BITS = 128  # numbers up to 255 of which the sum is below 2 to the 15th
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


def measure(photo: Photo, luma: Luma | None = None) -> Quality:
    """Measure a photo; numbers are rounded to 32 bits, as tables keep them.

    Args:
        photo: the photo.
        luma: that of the photo, where it is at hand.
    """
    luma = luma or Luma.of(photo.image)
    counts = np.asarray(luma.whole.histogram(), dtype=np.float64)
    shares = counts / (luma.whole.width * luma.whole.height)
    brightness = float(shares @ _LEVELS)
    contrast = float(np.sqrt(shares @ (_LEVELS - brightness) ** 2))
    there = shares[shares > 0]
    return Quality(
        photo.width,
        photo.height,
        photo.format,
        _stored(brightness),
        _stored(contrast),
        _stored(blur_effect(luma.small)),
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


def blur_effect(luma: npt.NDArray[np.uint8]) -> float:
    """How blurred a grey picture is, whatever its brightness and contrast.

    A picture that is blurred loses little when it is blurred again: what is compared is how
    much neighbouring pixels differ before and after a filter of nine taps, along both axes,
    and the worse one counts. `Luma.small` is of about one size for all larger photos, so that a
    photo and a smaller copy of it are judged alike.

    Source: Crété, Dolmière, Ladret, Nicolas, "The Blur Effect: Perception and Estimation with a
    New No-Reference Perceptual Blur Metric", SPIE 6492 (2007).

    Args:
        luma: shape ``(height, width)``.

    Returns:
        From 0 (sharp) to 1 (blurred). 1 too for what is even, or has fewer than ten pixels.
    """
    pixels = luma.astype(np.int16)
    return max(_blur_down(pixels), _blur_down(pixels.T))


def _blur_down(pixels: npt.NDArray[np.int16]) -> float:
    """The share of the differences between rows that is still there after filtering.

    In place where it can be: for 50,000 pixels, new memory takes longer than the sums.
    """
    if len(pixels) <= _FILTER:
        return 1.0
    half = _FILTER // 2
    before = pixels[half + 1 : -half] - pixels[half : -half - 1]
    np.abs(before, out=before)
    np.maximum(before, _ROUNDING, out=before)
    before -= _ROUNDING
    # Neighbours in a filtered column share eight of nine taps: they differ by the two others.
    after = pixels[_FILTER:] - pixels[:-_FILTER]
    np.abs(after, out=after)
    differed = _FILTER * _sum(before)
    before *= _FILTER
    left = _sum(np.minimum(before, after, out=after))
    return left / differed if differed else 1.0


def _sum(levels: npt.NDArray[np.int16]) -> int:
    """The sum of numbers up to 255, so many at once as 16 bits hold: five times as fast."""
    flat = levels.ravel(order="K")
    whole = len(flat) // _IN_16_BITS * _IN_16_BITS
    sums = flat[:whole].reshape(_IN_16_BITS, -1).sum(axis=0, dtype=np.int16)
    return int(sums.sum(dtype=np.int64) + flat[whole:].sum(dtype=np.int64))


def _stored(number: float) -> float:
    return float(np.float32(number))
