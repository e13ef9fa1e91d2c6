"""The accepted photos of a day: measured once, judged by the limits, near-duplicates grouped."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.groups import (
    GROUP_SCHEMA,
    group_columns,
    near_duplicates_found,
)
from dandelion_pipeline.dataset.cleaning.measures import (
    DayMeasures,
    is_current,
    measured_as_now,
    with_measures,
)
from dandelion_pipeline.dataset.cleaning.measuring import MEASURED_SCHEMA, MEASURES
from dandelion_pipeline.images.measures.quality_limits import QualityLimits, drop_reasons
from dandelion_pipeline.images.near_duplicates.background import Background
from dandelion_pipeline.images.near_duplicates.matches import NearDuplicates
from dandelion_pipeline.ingest.intake import ACCEPTED, STOPPED, stopped
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.content_hash import content_hash

CLEAN_IMAGES = "clean_images"
CLEAN_SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("is_sample", pa.bool_(), nullable=False),
        *MEASURED_SCHEMA,
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("drop_reason", pa.string(), nullable=False),
        *GROUP_SCHEMA,
    ],
    metadata={"measures": MEASURES, STOPPED: ""},
)

MADE_OF = "raw_images"
"""The metadata entry of a clean table with the seal of the raw table that it was made of: see
`storage.records.tables.SEAL`. Tables of before 2026-12 have none."""

_NEAR_DUPLICATES = b"near_duplicates"
_TAKEN_OVER = ("sha256", "label", "name", "day", "is_sample")


def clean(
    store: Store,
    raw: pa.Table,
    before: pa.Table | None = None,
    others: Sequence[pa.Table] = (),
    *,
    limits: QualityLimits | None = None,
    near_duplicates: NearDuplicates = "auto",
    on_photo: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = lambda message: None,
) -> pa.Table:
    """Measure the accepted photos of a day, and say which are fit for training.

    Args:
        store: where the photos lie.
        raw: a table of `intake.RAW_SCHEMA`.
        before: what was made of the day the last time; what it measured is not read again, and
            its photos stay in their groups.
        others: what was made of the other days, oldest first: new photos join their groups.
        limits: from where on a photo is too poor; by default `QualityLimits()`.
        near_duplicates: which photos share a group.
        on_photo: called with the photos measured and the photos to measure.
        warn: called if photos of other days were measured in another way.

    Returns:
        A table of `CLEAN_SCHEMA`, one row an accepted photo; its metadata holds what
        `near_duplicates_of` reads.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    made_of = content_hash(raw)
    accepted = raw.filter(pc.equal(raw["status"], ACCEPTED)).select(_TAKEN_OVER)
    del raw  # 20 MB for 100,000 photos, where the caller does not need it either
    photos = accepted["sha256"].combine_chunks().dictionary_encode()
    same = before if before is not None and is_current(before) else None
    day = DayMeasures(store, _day(accepted))
    measures = day.complete(photos.dictionary, same, on_photo)
    if before is not None and same is None:  # its photos stay in their groups all the same
        before = with_measures(before, photos.dictionary, measures)
    current = measured_as_now(store, others, warn)
    backgrounds: list[Background | None] = []
    groups = group_columns(
        photos.dictionary, measures, before, current, near_duplicates, backgrounds.append
    )
    if len(photos.dictionary) < len(photos):  # some under two labels; or it would be a mere copy
        measures, groups = measures.take(photos.indices), groups.take(photos.indices)
    judged = measures.append_column("label", accepted["label"])
    earlier = [table for table in current if _day(table) < _day(accepted)]  # or the future decides
    reasons = drop_reasons(judged, limits or QualityLimits(), earlier)
    columns = [
        *accepted.columns,
        *measures.columns,
        pc.equal(reasons, ""),
        reasons,
        *groups.columns,
    ]
    table = pa.table(columns, schema=CLEAN_SCHEMA)
    found = near_duplicates_found(table, near_duplicates, backgrounds[-1])
    return table.replace_schema_metadata(
        {**CLEAN_SCHEMA.metadata, MADE_OF: made_of, _NEAR_DUPLICATES: json.dumps(found)}
    )


def near_duplicates_of(photos: pa.Table) -> dict[str, Any]:
    """What `clean` decided about the near-duplicates of a day, and why; see `groups`.

    Args:
        photos: what `clean` gave for a day; empty for one that was made before this was kept.
    """
    found: dict[str, Any] = json.loads((photos.schema.metadata or {}).get(_NEAR_DUPLICATES, "{}"))
    return found


def _day(photos: pa.Table) -> str:
    """The day of a table's photos; empty if there are none."""
    return str(photos["day"][0].as_py()) if photos.num_rows else ""


def stop(photos: pa.Table, why: str) -> pa.Table:
    """Keep no photo of a day, for this reason; their measures and groups stay.

    Args:
        photos: a table of `CLEAN_SCHEMA`.
        why: why the day is stopped.
    """
    reason = pa.array([f"the day was stopped: {why}"] * photos.num_rows, pa.string())
    at = CLEAN_SCHEMA.get_field_index("keep")
    nothing = pa.array([False] * photos.num_rows)
    own = pc.if_else(photos["keep"], reason, photos["drop_reason"])
    return (
        stopped(photos, why)
        .set_column(at, CLEAN_SCHEMA.field(at), nothing)
        .set_column(at + 1, CLEAN_SCHEMA.field(at + 1), own)
    )
