"""Two photos of two classes, and a day to take them in."""

import pyarrow as pa

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo

DAY, NEXT = "2025-05-01", "2025-05-02"
PHOTOS = [
    SourcePhoto("dandelion", "1.jpg", photo(YELLOW)),
    SourcePhoto("grass", "1.jpg", photo(GREEN)),
]


def ingest_and_clean(store: Store, day: str = DAY) -> None:
    """Write both of the day's tables."""
    ingest(store, day)
    write_table(store, layout.table(CLEAN_IMAGES, day), clean(store, raw_table(store, day)))


def raw_table(store: Store, day: str = DAY) -> pa.Table:
    """The day's raw table as the next asset reads it."""
    return read_table(store, layout.table("raw_images", day))


def ingest(store: Store, day: str = DAY) -> None:
    """Write the day's table, as the asset and its IO manager do."""
    write_table(store, layout.table("raw_images", day), take_in(store, day, None).table)
