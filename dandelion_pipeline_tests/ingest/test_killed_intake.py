"""An intake that ends in the middle, and `dandelion store gc` beside it."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.dataset.cleaning import measuring
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.cleaning.measures import DayMeasures
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.ingest import garbage_collection, intake, judging
from dandelion_pipeline.ingest.intake import RAW_IMAGES, forget_parts, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import keep
from dandelion_pipeline.storage.garbage_collection import damaged_tables, older_than
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.records import parts
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.images.encoded import encode
from dandelion_pipeline_tests.ingest.two_photos import DAY

LANDED, DECODED = 150, 140
GRACE = timedelta(hours=1)


class Killed(Exception):
    """The process ends here."""


class Decoder:
    """Decodes so many photos, and is then killed."""

    def __init__(self, until: int) -> None:
        self.until = until
        self.photos = 0

    def __call__(self, data: bytes) -> Photo:
        if self.photos == self.until:
            raise Killed
        self.photos += 1
        return decode(data)


@pytest.fixture
def landed(tmp_path: Path) -> Store:
    store = open_store((tmp_path / "store").as_uri())
    for number in range(LANDED):
        store.put(layout.landing_photo(DAY, "grass", f"{number:03}.png"), png(number))
    return store


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Decoder]:
    """One photo after the other, in parts of ten."""
    monkeypatch.setattr(parts, "ROWS", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    def one(until: int) -> Decoder:
        decoder = Decoder(until)
        monkeypatch.setattr(judging, "decode", decoder)
        monkeypatch.setattr(measuring, "decode", decoder)
        return decoder

    return one


@pytest.fixture
def killed(landed: Store, decoder: Callable[[int], Decoder]) -> Store:
    """A store whose intake was killed after 140 of 150 photos, two hours ago."""
    decoder(DECODED)
    with pytest.raises(Killed):
        take_in(landed, DAY, None, inspection=DayMeasures(landed, DAY))
    for key in image_keys(landed):
        path = Path(landed.url.removeprefix("file://")) / key
        os.utime(path, (path.stat().st_mtime - 7_200,) * 2)
    return landed


def png(number: int) -> bytes:
    return encode(Image.new("RGB", (8, 8), (number, 99, 9)), "PNG")


def image_keys(store: Store) -> set[str]:
    return {found.key for found in store.list_objects(layout.IMAGES)}


def in_parts(store: Store) -> set[str]:
    """The photos that the killed intake has kept and noted."""
    prefix = layout.parts(RAW_IMAGES, DAY)
    tables = [read_table(store, found.key) for found in store.list_objects(prefix)]
    return named(pa.concat_tables(tables))


def named(table: pa.Table) -> set[str]:
    return {layout.image(sha256) for sha256 in table["sha256"].to_pylist()}


def test_it_goes_on_where_it_was_and_each_photo_is_decoded_once(
    killed: Store, decoder: Callable[[int], Decoder]
) -> None:
    again, left = decoder(3 * LANDED), LANDED - len(in_parts(killed))
    assert 0 < left < LANDED
    told: list[tuple[int, int]] = []
    done = take_in(killed, DAY, None, lambda *done: told.append(done), DayMeasures(killed, DAY))
    assert again.photos == done.read == left
    assert told == [(number, left) for number in range(1, left + 1)]
    assert done.table["name"].to_pylist() == [f"{number:03}.png" for number in range(LANDED)]
    assert image_keys(killed) == named(done.table)
    table = clean(killed, done.table)
    assert (table.num_rows, again.photos) == (LANDED, left)
    write_table(killed, layout.table(RAW_IMAGES, DAY), done.table)
    forget_parts(killed, DAY)
    DayMeasures(killed, DAY).forget()
    assert killed.list_objects(layout.PARTS) == []
    assert clean(killed, done.table).equals(table)  # as if nothing had been killed


def test_gc_spares_what_a_long_ingestion_has_kept_so_far(killed: Store) -> None:
    kept, safe = image_keys(killed), in_parts(killed)
    assert 0 < len(safe) < len(kept)
    chosen = {orphan.name for orphan in older_than(garbage_collection.orphans(killed), GRACE)}
    assert chosen == kept - safe  # those are rubbish


def test_a_photo_that_gc_removes_in_the_moment_in_which_it_is_kept_again_is_there_at_the_end(
    landed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(landed, png(3))  # an orphan

    def keep_and_lose(store: Store, data: bytes) -> bool:
        is_new = keep(store, data)
        if not is_new:
            store.delete(layout.image(sha256_hex(data)))
            monkeypatch.setattr(intake, "keep", keep)
        return is_new

    monkeypatch.setattr(intake, "keep", keep_and_lose)
    assert named(take_in(landed, DAY, None).table) == image_keys(landed)


def test_an_ingestion_that_ends_while_gc_reads_the_tables_loses_nothing(
    killed: Store, decoder: Callable[[int], Decoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder(LANDED)
    table = take_in(killed, DAY, None).table
    listed = Store.list_objects

    def list_and_end(store: Store, prefix: str) -> list[StoredObject]:
        found = listed(store, prefix)
        if prefix in (layout.PARTS, layout.TABLES):
            monkeypatch.setattr(Store, "list_objects", listed)
            write_table(killed, layout.table(RAW_IMAGES, DAY), table)
            forget_parts(killed, DAY)
        return found

    monkeypatch.setattr(Store, "list_objects", list_and_end)
    assert garbage_collection.orphans(killed) == []
    DayMeasures(killed, DAY).keep(["a"], [measuring.measure_photo(png(1))])
    monkeypatch.setattr(Store, "list_objects", list_and_end_of_measures(listed, monkeypatch))
    assert set(damaged_tables(killed)) == {None}


def list_and_end_of_measures(
    listed: Callable[[Store, str], list[StoredObject]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Store, str], list[StoredObject]]:
    def list_and_end(store: Store, prefix: str) -> list[StoredObject]:
        found = listed(store, prefix)
        monkeypatch.setattr(Store, "list_objects", listed)
        DayMeasures(store, DAY).forget()
        return found

    return list_and_end
