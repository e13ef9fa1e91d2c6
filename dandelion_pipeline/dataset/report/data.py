"""What a data report is made from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import SCHEMA

PHOTOS = pa.schema(
    [
        *SCHEMA,
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("label_quality", pa.float32()),
        pa.field("suggested_label", pa.string()),
    ]
)
"""A photo that is used. Its label quality is from 0 (surely wrong) to 1, or null if unknown."""

REJECTED = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("key", "day", "reason", "detail")]
)
"""A file that is not a readable photo."""

Thumbnails = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Small JPEG files by sha256; a photo that cannot be had is not among them."""


@dataclass(frozen=True)
class DataReport:
    """A data set, what was excluded from it, and what was measured of it."""

    data_hash: str
    """`DatasetInfo.hash`."""

    made_at: datetime
    """When the data set was made; with a time zone."""

    salt: str
    is_sample: bool

    photos: pa.Table
    """One row a photo, of `PHOTOS`."""

    left_out: pa.Table
    """One row a photo that is not used, of `dataset.LEFT_OUT`."""

    rejected: pa.Table
    """One row a file that was rejected, of `REJECTED`."""

    findings: Sequence[Finding]

    conflicts: pa.Table
    """Photos in label conflicts, of `conflicts.LABEL_CONFLICTS`."""

    classes_left_out: Mapping[str, str]
    """Classes that are not used, with the reason."""

    user_groups: int
    """Groups of the user's own that hold photos in use."""

    near_duplicates: str
    """How near-duplicates were decided, and why; empty if that is not known."""

    thumbnails: Thumbnails
    """Called once, with the photos that the page shows: 160 pixels are enough."""

    copies: str = ""
    """Why rotated and cropped copies were joined; empty if there are none."""
