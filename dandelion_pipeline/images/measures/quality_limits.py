"""Which photos are too poor to learn from, compared with the photos of their own data set.

A photo is dropped if there is surely nothing to see in it, whatever the set. Beyond that, what is
poor depends on the set: a picture of 28 pixels is poor among photos of 500, and usual among others
of 28. So a photo that looks poor is dropped only if it is far outside of what the set's photos and
those of its class are. A limit that somebody sets as a number holds as it is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.images.measures.quality import Quality

SMALLEST_SIDE = 4
"""Pixels of the shorter side, below which there is surely nothing to see."""

EVEN = 0.5
"""Standard deviation of the luma below which a photo is surely one even colour: half a level."""

FEWEST = 11
"""Photos with which a photo can be compared: with fewer, a tenth of them is not one photo."""

_MEASURABLE = 10  # pixels of the shorter side: `quality.blur_effect` compares ten in a row
_FLOOR = 0.01  # of measures that may be 0, before their logarithm
_SHARE = 0.1  # of the set's photos that may look poor before it is their usual look
_DISTANCE = 2.0  # from there, in distances between the share and the median
_FACTOR = np.log(2.0)  # the least distance: a measure half as good

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]


class QualityLimits(BaseModel):
    """From where on a photo is too poor. A limit that is not set adapts to the set's photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_side: int | None = Field(
        default=None, ge=1, description="Pixels of the shorter side; adapts to the set by default"
    )
    lowest_contrast: float | None = Field(
        default=None,
        ge=0,
        le=128,
        description="Standard deviation of the luma, 0 to 128; adapts to the set by default",
    )
    lowest_brightness: float | None = Field(
        default=None, ge=0, le=255, description="Mean luma, 0 to 255; adapts to the set by default"
    )
    highest_brightness: float | None = Field(
        default=None, ge=0, le=255, description="Mean luma, 0 to 255; adapts to the set by default"
    )
    highest_blur: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Blur effect, 0 (sharp) to 1 (blurred); adapts to the set by default",
    )
    lowest_information: float | None = Field(
        default=None,
        ge=0,
        le=8,
        description="Entropy of the luma's histogram, bits; adapts to the set by default",
    )
    highest_aspect: float | None = Field(
        default=None, ge=1, description="Longer side / shorter side; adapts to the set by default"
    )


@dataclass(frozen=True)
class _Check:
    """One way to be poor."""

    limit: str
    """The field of `QualityLimits`."""

    reason: str
    """Why a photo is dropped; ``{}`` stands for the limit."""

    usual_reason: str
    """The same, where the limit adapts."""

    suspicious: float
    """From where on a photo looks poor, if the set's photos are not like that."""

    at_least: bool = True
    """Whether the limit is the lowest that is good."""

    top: float = 0.0
    """The measure's highest value, where low is good."""

    def measured(self, values: "_Measures") -> _Floats:
        """The measure that the limit is of."""
        return values.of(self.limit)

    def fails(self, values: _Floats, limit: float) -> _Bools:
        """Which photos are beyond a limit."""
        return values < limit if self.at_least else values > limit

    def goodness(self, values: _Floats) -> _Floats:
        """The measure on a scale of ratios: the higher, the better."""
        if self.limit == "highest_aspect":
            return -np.log(values)
        return np.log(np.maximum(values if self.at_least else self.top - values, 0) + _FLOOR)


_CHECKS = (
    _Check("smallest_side", "smaller than {} pixels", "much smaller than the other photos", 32),
    _Check("lowest_contrast", "one even colour", "one even colour", 2.0),
    _Check("lowest_brightness", "too dark", "too dark", 5.0),
    _Check("highest_brightness", "too bright", "too bright", 251.0, at_least=False, top=255.0),
    _Check("highest_blur", "blurred", "blurred", 0.85, at_least=False, top=1.0),
    _Check("lowest_information", "too little to see", "too little to see", 1.0),
    _Check("highest_aspect", "a strip", "a strip", 5.0, at_least=False),
)
_COLUMNS = [field.name for field in fields(Quality) if field.name != "format"]


class _Measures:
    """The measures of photos, and the class of each."""

    def __init__(self, *tables: pa.Table) -> None:
        self._columns: dict[str, _Floats] = {
            name: np.concatenate([_floats(table[name]) for table in tables]) for name in _COLUMNS
        }
        self.labels = np.concatenate([_texts(table["label"]) for table in tables])

    def of(self, limit: str) -> _Floats:
        """The measure that a limit is of, shape ``(photos,)``."""
        if limit == "smallest_side":
            return np.minimum(self._columns["width"], self._columns["height"])
        if limit == "highest_aspect":
            aspect = self._columns["aspect"]
            return np.maximum(aspect, 1 / aspect)
        if limit == "highest_blur":  # of a few pixels it says nothing
            return np.where(self.of("smallest_side") < _MEASURABLE, 0.0, self._columns["blur"])
        return self._columns[limit.partition("_")[2]]


def drop_reasons(
    measured: pa.Table, limits: QualityLimits, others: Sequence[pa.Table] = ()
) -> pa.Array:
    """Why each of many photos is of no use for training; the first reason, or an empty text.

    Args:
        measured: the columns of `quality.QUALITY_SCHEMA` and ``label``, among others.
        limits: from where on a photo is too poor.
        others: the same columns of photos to compare with, those of earlier days.
    """
    photos, company = _Measures(measured), _Measures(measured, *others)
    nothing = dict(_surely_nothing(photos))
    checks: dict[str, _Bools] = {}
    for check in _CHECKS:
        given, values = getattr(limits, check.limit), check.measured(photos)
        if given is not None:
            checks[check.reason.format(given)] = check.fails(values, given)
            continue
        poor = check.fails(values, check.suspicious) & _unusual(check, photos, company)
        surely = nothing.get(check.limit, (check.usual_reason, poor))
        checks[surely[0]] = surely[1]
        checks[check.usual_reason] = checks.get(check.usual_reason, poor) | poor
    codes = np.select(list(checks.values()), range(1, len(checks) + 1), default=0)
    return pa.array(["", *checks]).take(pa.array(codes, pa.int8()))


def usual_looks(measured: pa.Table, reasons: pa.Array, limits: QualityLimits) -> dict[str, int]:
    """How many photos look poor and are kept, because the set's photos are like that.

    Args:
        measured: as for `drop_reasons`.
        reasons: what `drop_reasons` said of them.
        limits: likewise.

    Returns:
        Photos by look, such as ``smaller than 32 pixels``.
    """
    photos, kept = _Measures(measured), _texts(reasons) == ""
    looks: Counter[str] = Counter()
    for check in _CHECKS:
        if getattr(limits, check.limit) is None:
            poor = kept & check.fails(check.measured(photos), check.suspicious)
            looks[check.reason.format(round(check.suspicious))] += int(poor.sum())
    return {look: count for look, count in looks.items() if count}


def _surely_nothing(photos: _Measures) -> Iterator[tuple[str, tuple[str, _Bools]]]:
    """By limit: why and which photos hold nothing to learn from, in any set."""
    contrast, brightness = photos.of("lowest_contrast"), photos.of("lowest_brightness")
    side = f"smaller than {SMALLEST_SIDE} pixels"
    yield "smallest_side", (side, photos.of("smallest_side") < SMALLEST_SIDE)
    yield "lowest_contrast", ("one even colour", contrast < EVEN)
    flat = contrast < 2.0  # noqa: PLR2004  as much as the noise of a sensor under its cap
    yield "lowest_brightness", ("too dark", flat & (brightness < 5.0))  # noqa: PLR2004
    yield "highest_brightness", ("too bright", flat & (brightness > 251.0))  # noqa: PLR2004


def _unusual(check: _Check, photos: _Measures, company: _Measures) -> _Bools:
    """Which photos are far worse than the set's, and than those of their own class."""
    goodness, among = (
        check.goodness(check.measured(photos)),
        check.goodness(company.of(check.limit)),
    )
    far = goodness < _fence(among)
    for label in np.unique(photos.labels[far]):
        fence = _fence(among[company.labels == label])
        far &= (photos.labels != label) | (goodness < fence)
    return far


def _fence(goodness: _Floats) -> float:
    """What a photo would have to be worse than to be far outside; of few photos, none is."""
    if len(goodness) < FEWEST:
        return -np.inf
    worst, median = np.quantile(goodness, [_SHARE, 0.5], method="lower")
    return float(worst - max(_DISTANCE * (median - worst), _FACTOR))


def _floats(column: pa.ChunkedArray) -> _Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _texts(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.object_]:
    return np.asarray(column.to_pylist(), dtype=object)
