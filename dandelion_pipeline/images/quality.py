"""What can be measured on one photo, and which photos are too poor to learn from."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pyarrow as pa

from dandelion_pipeline.images.decode import Photo, decode
from dandelion_pipeline.images.intake import ACCEPTED
from dandelion_pipeline.images.kept import read_kept
from dandelion_pipeline.storage.store import Store

CLEAN_IMAGES = "clean_images"
SMALLEST_SIDE = 32
LOWEST_CONTRAST = 2.0
MEASURES = "2"
"""Names the way `measure` measures: photos measured in another way are measured again."""

CLEAN_SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("is_sample", pa.bool_(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("brightness", pa.float32(), nullable=False),
        pa.field("contrast", pa.float32(), nullable=False),
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("drop_reason", pa.string(), nullable=False),
    ],
    metadata={"measures": MEASURES},
)


@dataclass(frozen=True)
class Quality:
    """Measurements of one upright photo."""

    width: int
    """Pixels of the file's photo, however small it was decoded."""

    height: int
    """Pixels, like ``width``."""

    brightness: float
    """Mean luma, 0 (black) to 255 (white); ITU-R BT.601."""

    contrast: float
    """Standard deviation of the luma."""


def measure(photo: Photo) -> Quality:
    """Measure a photo."""
    luma = np.asarray(photo.image.convert("L"), dtype=np.float32)
    return Quality(photo.width, photo.height, float(luma.mean()), float(luma.std()))


def drop_reason(quality: Quality) -> str:
    """Why a photo is of no use for training; empty if it is."""
    if min(quality.width, quality.height) < SMALLEST_SIDE:
        return f"smaller than {SMALLEST_SIDE} pixels"
    if quality.contrast < LOWEST_CONTRAST:
        return "one even colour"
    return ""


def clean(store: Store, raw: pa.Table, before: pa.Table | None = None) -> pa.Table:
    """Measure the accepted photos of a day.

    Args:
        store: where the photos lie.
        raw: a table of `intake.RAW_SCHEMA`.
        before: what was made of the day the last time; what it measured is not read again.

    Returns:
        A table of `CLEAN_SCHEMA`, one row an accepted photo.
    """
    accepted = [row for row in raw.to_pylist() if row["status"] == ACCEPTED]
    measured = _measured(before)
    new = sorted({row["sha256"] for row in accepted} - measured.keys())
    for sha256, data in zip(new, read_kept(store, new), strict=True):
        measured[sha256] = measure(decode(data))
    rows = []
    for row in accepted:
        quality = measured[row["sha256"]]
        reason = drop_reason(quality)
        kept = {name: row[name] for name in ("sha256", "label", "name", "day", "is_sample")}
        rows.append({**kept, **asdict(quality), "keep": not reason, "drop_reason": reason})
    return pa.Table.from_pylist(rows, schema=CLEAN_SCHEMA)


def _measured(before: pa.Table | None) -> dict[str, Quality]:
    """What an earlier table says, if it was measured in the same way."""
    if before is None or before.schema.metadata != CLEAN_SCHEMA.metadata:
        return {}
    names = [field.name for field in fields(Quality)]
    return {row["sha256"]: Quality(**{n: row[n] for n in names}) for row in before.to_pylist()}
