"""The group of near-duplicates that each photo of a day belongs to, across all days."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.images.duplicates import KnownPhotos, Membership, group_photos
from dandelion_pipeline.images.fingerprint import Fingerprints

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
_COLUMNS = ["sha256", *FINGERPRINT_SCHEMA.names, *GROUP_SCHEMA.names]


def group_columns(
    hashes: pa.Array, measured: pa.Table, before: pa.Table | None, others: Sequence[pa.Table]
) -> pa.Table:
    """Where photos belong: a table of `GROUP_SCHEMA`, one row a hash.

    Args:
        hashes: the SHA-256 of each photo, each once.
        measured: the columns of `FINGERPRINT_SCHEMA`, in the same order.
        before: the day's photos that have their groups already, and keep them; columns
            ``sha256`` and those of both schemas.
        others: the same of the other days, oldest first.
    """
    tables = [table for table in (before, *others) if table is not None]
    known = [table.select(_COLUMNS).replace_schema_metadata(None) for table in tables]
    kept = _memberships(known[0]) if before is not None else {}
    is_new = pc.invert(pc.is_in(hashes, pa.array(list(kept), pa.string())))
    new = measured.filter(is_new)
    memberships = kept | group_photos(
        hashes.filter(is_new).to_pylist(),
        Fingerprints.of_columns(new["pixels"], new["detail"]),
        _known(known),
    )
    found = [memberships[sha256] for sha256 in hashes.to_pylist()]
    return pa.table(
        [[one.group for one in found], [list(one.bridges) for one in found]], schema=GROUP_SCHEMA
    )


def with_groups(photos: pa.Table) -> pa.Table:
    """Photos of all days; those of days without groups, of version 0.1, are alone in theirs."""
    kind = GROUP_SCHEMA.field("bridges").type
    if "group" not in photos.column_names:
        photos = photos.append_column("group", pa.nulls(photos.num_rows, pa.string()))
        photos = photos.append_column("bridges", pa.nulls(photos.num_rows, kind))
    group = pc.coalesce(photos["group"], photos["sha256"])
    bridges = pa.array([found or [] for found in photos["bridges"].to_pylist()], kind)
    for field, column in zip(GROUP_SCHEMA, (group, bridges), strict=True):
        photos = photos.set_column(photos.schema.get_field_index(field.name), field, column)
    return photos


def _known(tables: Sequence[pa.Table]) -> KnownPhotos:
    if not tables:
        return KnownPhotos([], Fingerprints.of([]))
    photos = pa.concat_tables(tables)
    return KnownPhotos(
        photos["group"].to_pylist(), Fingerprints.of_columns(photos["pixels"], photos["detail"])
    )


def _memberships(photos: pa.Table) -> dict[str, Membership]:
    columns = (photos[name].to_pylist() for name in ("sha256", "group", "bridges"))
    return {
        sha256: Membership(group, tuple(bridges))
        for sha256, group, bridges in zip(*columns, strict=True)
    }
