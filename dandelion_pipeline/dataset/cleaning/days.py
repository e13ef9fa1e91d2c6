"""What has been made of other days: a day's photos are compared with theirs."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table


def other_days(store: Store, day: str) -> Iterator[tuple[str, pa.Table]]:
    """The tables of all days but one, oldest first."""
    prefix = f"{layout.TABLES}{CLEAN_IMAGES}/"
    for key in sorted(found.key for found in store.list_objects(prefix)):
        other = key.removeprefix(prefix).removesuffix(".parquet")
        if other != day:
            yield other, read_table(store, key)


def last_accepted(others: Mapping[str, pa.Table], day: str) -> pa.Table | None:
    """The photos to compare a day with: those of the last earlier day that has any.

    Args:
        others: tables of `clean.CLEAN_SCHEMA` by day, oldest first.
        day: ``YYYY-MM-DD``.
    """
    earlier = (to_compare(others[other]) for other in sorted(others, reverse=True) if other < day)
    return next((photos for photos in earlier if photos.num_rows), None)


def to_compare(photos: pa.Table) -> pa.Table:
    """The photos of a day by which it is compared with others: kept, and not generated."""
    return photos.filter(pc.and_not(photos["keep"], photos["is_sample"]))
