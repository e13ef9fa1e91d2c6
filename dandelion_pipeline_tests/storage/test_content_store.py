import os
from pathlib import Path

import pytest

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.ingest import garbage_collection
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import FRESH, keep, read_photos
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo

DAY = "2025-05-01"


def age(store: Store, key: str, seconds: float) -> float:
    path = Path(store.url.removeprefix("file://")) / key
    written = path.stat().st_mtime - seconds
    os.utime(path, (written, written))
    return written


def test_a_photo_is_kept_once_under_its_hash(store: Store) -> None:
    assert keep(store, b"a photo")
    assert not keep(store, b"a photo")
    (kept,) = store.list_objects(layout.IMAGES)
    assert kept.key == layout.image(sha256_hex(b"a photo"))
    assert list(read_photos(store, [sha256_hex(b"a photo")])) == [b"a photo"]


def test_a_photo_that_is_kept_again_after_a_while_is_as_good_as_new(tmp_path: Path) -> None:
    """So that `dandelion store gc` spares what a run under way relies on."""
    store = open_store((tmp_path / "store").as_uri())
    keep(store, b"a photo")
    key = layout.image(sha256_hex(b"a photo"))
    aged = age(store, key, FRESH.total_seconds() + 60)
    store.put(key, b"and damaged")
    age(store, key, FRESH.total_seconds() + 60)
    assert not keep(store, b"a photo")
    found = store.look_up(key)
    assert found is not None
    assert found.modified.timestamp() > aged + FRESH.total_seconds()
    assert store.get(key) == b"a photo"


def test_a_damaged_or_missing_photo_is_named(store: Store) -> None:
    key = layout.image(sha256_hex(b"a photo"))
    store.put(key, b"not that photo")
    with pytest.raises(ObjectDamaged, match=f"the photo .*{key}: its bytes have another hash"):
        list(read_photos(store, [sha256_hex(b"a photo")]))
    store.delete(key)
    with pytest.raises(ObjectNotFound, match=key):
        list(read_photos(store, [sha256_hex(b"a photo")]))


@pytest.fixture
def ingested(store: Store) -> Store:
    """A store with one accepted photo, one that is in twice, and one file that is no photo."""
    photos = [
        SourcePhoto("dandelion", "1.jpg", photo(YELLOW)),
        SourcePhoto("grass", "1.jpg", photo(GREEN)),
        SourcePhoto("grass", "notes.jpg", b"these are notes"),
    ]
    import_photos(store, photos, DAY)
    store.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo(GREEN))
    write_table(store, layout.table("raw_images", DAY), take_in(store, DAY, None).table)
    return store


def test_after_an_ingestion_nothing_is_orphaned_missing_or_damaged(ingested: Store) -> None:
    assert garbage_collection.orphans(ingested) == []
    assert garbage_collection.missing(ingested) == []
    assert list(garbage_collection.damaged(ingested)) == [None, None]


def test_a_photo_that_no_table_names_is_an_orphan(ingested: Store) -> None:
    keep(ingested, b"left by a run that died")
    (orphan,) = garbage_collection.orphans(ingested)
    assert orphan.name == layout.image(sha256_hex(b"left by a run that died"))
    assert orphan.why == "no table names this photo"


def test_a_photo_that_a_table_names_and_that_is_gone_is_missing(ingested: Store) -> None:
    key = layout.image(sha256_hex(photo(GREEN)))
    ingested.delete(key)
    assert [damage.name for damage in garbage_collection.missing(ingested)] == [key]


def test_a_photo_whose_bytes_changed_is_damaged(ingested: Store) -> None:
    key = layout.image(sha256_hex(photo(GREEN)))
    ingested.put(key, photo(YELLOW))
    assert [damage.name for damage in garbage_collection.damaged(ingested) if damage] == [key]


def test_who_cannot_read_the_tables_calls_nothing_an_orphan(ingested: Store) -> None:
    ingested.put(layout.table("dataset", "2025-05-01"), b"damaged")
    with pytest.raises(ObjectDamaged):
        garbage_collection.orphans(ingested)
