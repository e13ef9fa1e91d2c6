from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from dandelion_pipeline.dataset.cleaning import measuring
from dandelion_pipeline.dataset.cleaning.clean import (
    CLEAN_SCHEMA,
    clean,
    near_duplicates_of,
)
from dandelion_pipeline.dataset.cleaning.measures import DayMeasures
from dandelion_pipeline.dataset.cleaning.measuring import MEASURED_SCHEMA
from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.images.measures.quality_limits import QualityLimits
from dandelion_pipeline.ingest.intake import ACCEPTED, counts, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records import parts
from dandelion_pipeline_tests.images.encoded import encode
from dandelion_pipeline_tests.ingest.two_photos import DAY

LANDED = 9
DECODED = 7  # different photos


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A landing folder with every kind of file; its photos are kept already."""
    store = open_store(tmp_path_factory.mktemp("landed").as_uri())
    for number in range(5):
        store.put(layout.landing_photo(DAY, "grass", f"{number}.png"), noise(number))
    for label, name, data in (
        ("grass", "again.png", noise(0)),
        ("dandelion", "other-label.png", noise(0)),
        ("dandelion", "even.png", encode(Image.new("RGB", (64, 64), "green"), "PNG")),
        ("dandelion", "dot.png", noise(9, side=3)),
    ):
        store.put(layout.landing_photo(DAY, label, name), data)
    store.put(layout.landing_photo(DAY, "grass", "notes.jpg"), b"these are notes")
    take_in(store, DAY, None)
    return store


def noise(seed: int, side: int = 40) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    return encode(Image.fromarray(pixels), "PNG")


class Counted:
    """A decoder that counts its photos."""

    def __init__(self) -> None:
        self.photos = 0

    def __call__(self, data: bytes) -> Photo:
        self.photos += 1
        return decode(data)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(measuring, "decode", counted)
    return counted


def test_every_accepted_photo_is_one_row_and_keeps_what_ingest_knew(landed: Store) -> None:
    raw = take_in(landed, DAY, None).table
    table = clean(landed, raw)
    assert table.schema.equals(CLEAN_SCHEMA)
    assert table.schema.metadata[b"measures"] == CLEAN_SCHEMA.metadata[b"measures"]
    assert table.num_rows == counts(raw)[ACCEPTED] == LANDED - 1
    rows = [row for row in raw.to_pylist() if row["status"] == ACCEPTED]
    for name in ("sha256", "label", "name", "day", "is_sample", "format"):
        assert table[name].to_pylist() == [row[name] for row in rows]


def test_photos_are_dropped_with_the_reason_and_the_counts_add_up(landed: Store) -> None:
    table = clean(landed, take_in(landed, DAY, None).table)
    reasons = {row["name"]: row["drop_reason"] for row in table.to_pylist() if not row["keep"]}
    assert reasons == {"even.png": "one even colour", "dot.png": "smaller than 4 pixels"}
    assert Counter(table["keep"].to_pylist()) == {True: LANDED - 3, False: 2}


def test_a_photo_is_decoded_once_however_often_it_was_dropped(
    landed: Store, decoded: Counted
) -> None:
    raw, told = take_in(landed, DAY, None).table, []
    first = clean(landed, raw, on_photo=lambda done, total: told.append((done, total)))
    assert decoded.photos == DECODED
    assert told == [(done + 1, DECODED) for done in range(DECODED)]
    assert clean(landed, raw, first).equals(first)
    assert decoded.photos == DECODED


def test_a_second_time_only_new_photos_are_decoded(tmp_path: Path, decoded: Counted) -> None:
    store = open_store(tmp_path.as_uri())
    store.put(layout.landing_photo(DAY, "grass", "1.png"), noise(1))
    raw = take_in(store, DAY, None).table
    first = clean(store, raw)
    store.put(layout.landing_photo(DAY, "grass", "2.png"), noise(2))
    second = clean(store, take_in(store, DAY, raw).table, first)
    assert decoded.photos == 2
    assert second.slice(0, 1).equals(first)
    assert second.num_rows == 2


def test_the_table_says_how_near_duplicates_were_told(landed: Store) -> None:
    raw = take_in(landed, DAY, None).table
    told = near_duplicates_of(clean(landed, raw, near_duplicates="exact"))
    assert (told["decision"], told["largest_group"], told["photos_joined"]) == ("exact", 2, 2)
    assert "equal pixels" in told["reason"]
    assert "as alike as the next photo" in near_duplicates_of(clean(landed, raw))["reason"]
    assert near_duplicates_of(CLEAN_SCHEMA.empty_table()) == {}


def test_a_day_is_judged_by_the_days_before_and_not_by_those_after(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    for number in range(20):
        store.put(layout.landing_photo("2025-01-02", "grass", f"{number}.png"), noise(number))
    usual = clean(store, take_in(store, "2025-01-02", None).table)
    days = ("2025-01-01", "2025-01-03")
    for day in days:
        store.put(layout.landing_photo(day, "grass", "small.png"), noise(99, side=12))
    kept = [clean(store, take_in(store, d, None).table, None, [usual])["keep"][0] for d in days]
    assert [one.as_py() for one in kept] == [True, False]


def test_what_was_measured_in_another_way_is_measured_again(
    landed: Store, decoded: Counted
) -> None:
    raw = take_in(landed, DAY, None).table
    old = clean(landed, raw).select(["sha256", "width", "height", "brightness", "contrast"])
    clean(landed, raw, old.replace_schema_metadata({"measures": "2"}))
    assert decoded.photos == 2 * DECODED


def test_other_limits_are_applied_without_decoding(landed: Store, decoded: Counted) -> None:
    raw = take_in(landed, DAY, None).table
    first = clean(landed, raw)
    seen = decoded.photos
    strict = clean(landed, raw, first, limits=QualityLimits(smallest_side=41))
    assert set(strict["drop_reason"].to_pylist()) == {"smaller than 41 pixels", "one even colour"}
    assert strict.select(MEASURED_SCHEMA.names).equals(first.select(MEASURED_SCHEMA.names))
    assert clean(landed, raw, strict).equals(first)
    assert decoded.photos == seen


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 100), st.floats(0, 128), st.floats(0, 1))
def test_limits_give_the_same_verdicts_whether_photos_are_measured_or_remembered(
    landed: Store, smallest: int, contrast: float, blur: float
) -> None:
    limits = QualityLimits(smallest_side=smallest, lowest_contrast=contrast, highest_blur=blur)
    raw = take_in(landed, DAY, None).table
    remembered = clean(landed, raw, clean(landed, raw), limits=limits)
    assert remembered.equals(clean(landed, raw, None, limits=limits))


def test_a_day_without_photos_gives_an_empty_table(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    table = clean(store, take_in(store, DAY, None).table)
    assert table.equals(CLEAN_SCHEMA.empty_table())


def test_a_missing_or_damaged_photo_is_named(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put(layout.landing_photo(DAY, "grass", "1.png"), noise(1))
    raw = take_in(store, DAY, None).table
    key = layout.image(raw["sha256"][0].as_py())
    store.put(key, noise(2))
    with pytest.raises(ObjectDamaged, match=key):
        clean(store, raw)
    store.delete(key)
    with pytest.raises(ObjectNotFound, match=key):
        clean(store, raw)


def test_more_photos_than_one_chunk_keep_their_order(
    landed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = take_in(landed, DAY, None).table
    whole = clean(landed, raw)
    monkeypatch.setattr(parts, "ROWS", 2)
    assert clean(landed, raw).equals(whole)
    DayMeasures(landed, DAY).forget()
