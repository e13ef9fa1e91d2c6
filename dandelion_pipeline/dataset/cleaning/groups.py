"""The group of near-duplicates that each photo of a day belongs to, across all days."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.images.near_duplicates.background import Background
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints
from dandelion_pipeline.images.near_duplicates.grouping import group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos, NearDuplicates

GROUP_SCHEMA = pa.schema(
    [
        pa.field("group", pa.string(), nullable=False),
        pa.field("bridges", pa.list_(pa.string()), nullable=False),
    ]
)
FINGERPRINT_SCHEMA = pa.schema(
    [
        pa.field("pixels", pa.binary(), nullable=False),
        pa.field("detail", pa.binary(), nullable=False),
    ]
)
_NONE = pa.schema(
    [pa.field("sha256", pa.string(), nullable=False), *FINGERPRINT_SCHEMA, *GROUP_SCHEMA]
).empty_table()


def group_columns(
    hashes: pa.Array,
    measured: pa.Table,
    before: pa.Table | None,
    others: Sequence[pa.Table],
    how: NearDuplicates = "auto",
    on_background: Callable[[Background | None], None] = lambda background: None,
) -> pa.Table:
    """Where photos belong: a table of `GROUP_SCHEMA`, one row a hash.

    Args:
        hashes: the SHA-256 of each photo, each once.
        measured: the columns of `FINGERPRINT_SCHEMA`, in the same order.
        before: the day's photos that have their groups already, and keep them; columns
            ``sha256`` and those of both schemas.
        others: the same of the other days, oldest first.
        how: which photos are near-duplicates.
        on_background: called with what near-duplicates had to stand out of.
    """
    tables = [table for table in (before, *others) if table is not None]
    known = pa.concat_tables(
        [_NONE, *(table.select(_NONE.column_names).cast(_NONE.schema) for table in tables)]
    )
    kept = known[: before.num_rows if before is not None else 0]
    is_new, rows = new_and_known(hashes, kept["sha256"])
    new = _chosen(measured.select(FINGERPRINT_SCHEMA.names), is_new)
    found = group_photos(
        _chosen(hashes, is_new),
        Fingerprints.of_columns(new["pixels"], new["detail"]),
        KnownPhotos(
            known["group"].combine_chunks(),
            Fingerprints.of_columns(known["pixels"], known["detail"]),
        ),
        how,
    )
    on_background(found.background)
    groups = pa.table([found.group, found.bridges], schema=GROUP_SCHEMA)
    return pa.concat_tables([kept.select(GROUP_SCHEMA.names), groups]).take(rows)


def near_duplicates_found(
    photos: pa.Table, how: NearDuplicates, background: Background | None
) -> dict[str, object]:
    """What was decided about the near-duplicates of a day, and why.

    Args:
        photos: a column ``group``, among others.
        how: the setting.
        background: how alike the photos are anyway, if that was measured.
    """
    sizes = np.sort(photos["group"].value_counts().field("counts").to_numpy())
    reasons = {
        "auto": str(background),
        "exact": "the setting joins photos of equal pixels only",
        "off": "the setting joins no photos",
    }
    figures = {} if background is None else {**vars(background), "ratio": background.ratio}
    return {
        "decision": how,
        "reason": reasons[how],
        **figures,
        "groups": len(sizes),
        "largest_group": int(sizes.max(initial=0)),
        "photos_joined": int(sizes[sizes > 1].sum()),
    }


_Rows = TypeVar("_Rows", pa.Array, pa.Table)


def _chosen(rows: _Rows, which: pa.Array) -> _Rows:
    """Some of the rows, or if it is all of them, these and no copy of 20 MB for 100,000 photos."""
    return rows if which.true_count == len(rows) else rows.filter(which)


def new_and_known(hashes: pa.Array, known: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Tell new photos from known ones.

    Args:
        hashes: the SHA-256 of each photo, each once.
        known: those of photos that are known.

    Returns:
        Which photos are new; and the row of each photo, if the new ones come after the known.
    """
    row = pc.index_in(hashes, known.combine_chunks())
    is_new = np.asarray(row.is_null())
    rows = np.where(is_new, len(known) + is_new.cumsum() - 1, row.fill_null(0))
    return pa.array(is_new), pa.array(rows)
