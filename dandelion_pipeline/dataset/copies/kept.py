"""Rotated and cropped copies that were found, kept by day; a pair that was found once stays."""

import pyarrow as pa

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import last_table, read_table

COPIES = pa.schema(
    [
        pa.field("photo", pa.string(), nullable=False),
        pa.field("other", pa.string()),
        pa.field("turned", pa.float32()),
        pa.field("scale", pa.float32()),
        pa.field("share", pa.float32()),
        pa.field("share_of_other", pa.float32()),
        pa.field("difference", pa.float32()),
    ]
)
"""SHA-256 of a photo and of a copy of it, and what `images.copies.verdict.Copy` says of them.

A photo that was looked at and has no copy has one row, with nulls. The column is not called
``sha256``: a photo is needed because a day names it, and never because it was compared.
"""


def copies_of_day(store: Store, version: str, day: str) -> pa.Table:
    """What is kept of one day, a table of `COPIES`; empty if nothing is, or if it is damaged."""
    try:
        found = last_table(store, layout.copies(version, day))
    except ObjectDamaged:  # all of it can be found again
        found = None
    return COPIES.empty_table() if found is None else found


def all_pairs(store: Store) -> pa.Table:
    """All pairs that were ever found, by whatever version: a table of `COPIES` without nulls.

    Raises:
        ObjectDamaged: a table is not as it was written.
    """
    keys = [found.key for found in store.list_objects(layout.COPIES)]
    tables = [read_table(store, key) for key in keys]
    return pa.concat_tables([COPIES.empty_table(), *tables]).filter(
        pa.compute.field("other").is_valid()
    )
