"""Two photos of two classes, and a day to take them in."""

from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo

DAY, NEXT = "2025-05-01", "2025-05-02"
PHOTOS = [
    SourcePhoto("dandelion", "1.jpg", photo(YELLOW)),
    SourcePhoto("grass", "1.jpg", photo(GREEN)),
]


def ingest(store: Store, day: str = DAY) -> None:
    """Write the day's table, as the asset and its IO manager do."""
    write_table(store, layout.table("raw_images", day), take_in(store, day, None).table)
