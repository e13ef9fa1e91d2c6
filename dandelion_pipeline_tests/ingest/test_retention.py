"""Landed files may go once their photos are safe; nothing else changes by that."""

from pathlib import Path

import pytest

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.ingest.drop_folder import upload
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.retention.cleared import all_cleared, cleared
from dandelion_pipeline.ingest.retention.landing import clear_landing
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data.tiny_models import GREEN, photo
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, PHOTOS, ingest

RAW = layout.table("raw_images", DAY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a day that has been taken in: two photos, and notes that were rejected."""
    opened = open_store((tmp_path / "store").as_uri())
    import_photos(opened, PHOTOS, DAY)
    opened.put(layout.landing_photo(DAY, "grass", "notes.jpg"), b"these are notes")
    ingest(opened)
    return opened


def names(store: Store) -> list[str]:
    return sorted(found.key for found in store.list_objects(layout.LANDING))


def test_files_whose_photos_are_safe_go_and_are_counted(store: Store) -> None:
    sizes = sum(len(one.data) for one in PHOTOS)
    gone = clear_landing(store, NEXT)
    assert (gone.objects, gone.bytes) == (2, sizes)
    assert names(store) == [layout.landing_photo(DAY, "grass", "notes.jpg")]
    assert clear_landing(store, NEXT).objects == 0
    assert len(cleared(store, DAY)) == 2


def test_younger_days_stay(store: Store) -> None:
    assert clear_landing(store, DAY).objects == 0


def test_a_file_that_was_not_taken_in_as_it_is_now_stays(store: Store) -> None:
    store.put(layout.landing_photo(DAY, "grass", "1.jpg"), photo((1, 2, 3)))
    store.put(layout.landing_photo(DAY, "grass", "new.jpg"), photo((3, 2, 1)))
    assert clear_landing(store, NEXT).objects == 1
    assert take_in(store, DAY, read_table(store, RAW)).read == 2


def test_a_file_whose_photo_is_missing_or_cut_stays(store: Store) -> None:
    first, second = store.list_objects(layout.IMAGES)
    store.delete(first.key)
    store.put(second.key, store.get(second.key)[:-1])
    assert clear_landing(store, NEXT).objects == 0


def test_a_later_intake_of_the_day_keeps_the_photos_whose_files_are_gone(store: Store) -> None:
    before = read_table(store, RAW)
    clear_landing(store, NEXT)
    store.put(layout.landing_photo(DAY, "grass", "late.jpg"), photo((9, 99, 9)))
    intake = take_in(store, DAY, before)
    assert intake.read == 1
    kept = [row for row in intake.table.to_pylist() if row["name"] != "late.jpg"]
    assert kept == before.to_pylist()
    write_table(store, RAW, intake.table)
    clear_landing(store, NEXT)
    again = take_in(store, DAY, intake.table).table
    assert again.to_pylist() == intake.table.to_pylist()


def test_a_file_that_somebody_took_away_is_still_taken_out(store: Store) -> None:
    store.delete(layout.landing_photo(DAY, "grass", "1.jpg"))
    table = take_in(store, DAY, read_table(store, RAW)).table
    assert sorted(table["name"].to_pylist()) == ["1.jpg", "notes.jpg"]


def test_neither_an_import_nor_the_drop_folder_brings_them_again(
    store: Store, tmp_path: Path
) -> None:
    for one in PHOTOS:
        file = tmp_path / "drop" / one.label / one.name
        file.parent.mkdir(parents=True)
        file.write_bytes(one.data)
    clear_landing(store, NEXT)
    before = names(store)
    import_photos(store, PHOTOS, NEXT)
    upload(store, tmp_path / "drop", NEXT)
    assert names(store) == before
    assert len(all_cleared(store)) == 2


def test_a_damaged_record_stops_everything_that_would_read_it(store: Store) -> None:
    clear_landing(store, NEXT)
    key = layout.cleared_day(DAY)
    store.put(key, store.get(key).replace(b"grass", b"glass"))
    with pytest.raises(ObjectDamaged, match="cleared-days"):
        take_in(store, DAY, read_table(store, RAW))


def test_a_file_that_comes_again_is_read_again(store: Store) -> None:
    before = read_table(store, RAW)
    clear_landing(store, NEXT)
    store.put(layout.landing_photo(DAY, "grass", "1.jpg"), photo(GREEN))
    table = take_in(store, DAY, before).table
    assert sorted(table["name"].to_pylist()) == ["1.jpg", "1.jpg", "notes.jpg"]
