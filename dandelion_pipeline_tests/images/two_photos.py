"""Two photos of two classes, and a day to take them in."""

from dandelion_pipeline.images.intake import take_in
from dandelion_pipeline.images.sources import SourcePhoto
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import write_table
from dandelion_pipeline_tests.tiny_models import GREEN, YELLOW, photo

DAY, NEXT = "2025-05-01", "2025-05-02"
PHOTOS = [
    SourcePhoto("dandelion", "1.jpg", photo(YELLOW)),
    SourcePhoto("grass", "1.jpg", photo(GREEN)),
]


def ingest(store: Store, day: str = DAY) -> None:
    """Write the day's table, as the asset and its IO manager do."""
    write_table(store, layout.table("raw_images", day), take_in(store, day, None).table)
