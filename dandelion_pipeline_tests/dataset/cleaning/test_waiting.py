"""A day waits until its clean table is of its newest raw table."""

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance, accept
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, MADE_OF, clean, stop
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.ingest.intake import RAW_IMAGES, STOPPED, stopped
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data.tiny_models import GREEN, photo
from dandelion_pipeline_tests.ingest.two_photos import (
    DAY,
    NEXT,
    PHOTOS,
    ingest,
    ingest_and_clean,
    raw_table,
)


def accept_day(store: Store) -> None:
    accept(store, Acceptance(day=DAY, who="ann", when="2025-07-01T00:00:00+00:00", why="fine"))


def write(store: Store, asset: str, table: pa.Table) -> None:
    write_table(store, layout.table(asset, DAY), table)


def forget_marks(store: Store, asset: str) -> None:
    """Make a table as the releases of before 2026-12 wrote it."""
    table = read_table(store, layout.table(asset, DAY))
    marks = (STOPPED.encode(), MADE_OF.encode())
    kept = {name: said for name, said in table.schema.metadata.items() if name not in marks}
    write(store, asset, table.replace_schema_metadata(kept))


@pytest.fixture
def landed(store: Store) -> Store:
    import_photos(store, PHOTOS, DAY)
    return store


def test_a_day_waits_until_its_clean_table_is_of_its_newest_raw_table(landed: Store) -> None:
    import_photos(landed, PHOTOS[1:], NEXT)
    assert waiting_days(landed) == [DAY]
    ingest(landed)
    assert waiting_days(landed) == [DAY]
    write(landed, CLEAN_IMAGES, clean(landed, raw_table(landed)))
    assert waiting_days(landed) == []
    landed.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo((9, 99, 9)))
    assert waiting_days(landed) == [DAY]
    ingest(landed)
    assert waiting_days(landed) == [DAY]
    ingest_and_clean(landed)
    assert waiting_days(landed) == []


def test_a_clean_table_that_changed_in_nothing_else_is_of_the_newest_raw_table(
    landed: Store,
) -> None:
    ingest_and_clean(landed)
    landed.put(layout.landing_photo(DAY, "grass", "same.jpg"), photo(GREEN))  # a duplicate
    ingest(landed)
    assert waiting_days(landed) == [DAY]
    ingest_and_clean(landed)
    assert waiting_days(landed) == []


def test_a_day_whose_files_were_refused_waits_once_somebody_accepts_it(landed: Store) -> None:
    ingest(landed)
    write(landed, RAW_IMAGES, stopped(raw_table(landed), "too many are no photos"))
    assert waiting_days(landed) == []
    accept_day(landed)
    assert waiting_days(landed) == [DAY]
    ingest_and_clean(landed)
    assert waiting_days(landed) == []


def test_a_day_that_drifted_waits_once_somebody_accepts_it(landed: Store) -> None:
    ingest_and_clean(landed)
    key = layout.table(CLEAN_IMAGES, DAY)
    write(landed, CLEAN_IMAGES, stop(read_table(landed, key), "brightness_drift"))
    assert waiting_days(landed) == []
    accept_day(landed)
    assert waiting_days(landed) == [DAY]
    ingest_and_clean(landed)
    assert waiting_days(landed) == []


def test_an_older_store_is_not_taken_in_again_but_what_it_strands_from_now_on_waits(
    landed: Store,
) -> None:
    ingest_and_clean(landed)
    for asset in (RAW_IMAGES, CLEAN_IMAGES):
        forget_marks(landed, asset)
    assert waiting_days(landed) == []
    landed.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo((9, 99, 9)))
    ingest(landed)  # and the run ended here
    assert waiting_days(landed) == [DAY]
