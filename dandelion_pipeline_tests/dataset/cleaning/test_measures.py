"""Two versions of the measures: photos of the older one are measured again, and stay comparable."""

from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.dataset.cleaning import measuring
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.cleaning.measures import outdated_measures
from dandelion_pipeline.dataset.cleaning.measuring import MEASURED_SCHEMA, MEASURES
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import damaged_tables
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.images.encoded import encode
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT

PHOTOS = 6


def pixels(seed: int) -> Image.Image:
    return Image.effect_noise((64, 64), 40 + 10 * seed).convert("RGB")


@pytest.fixture(scope="module")
def drawn() -> list[Image.Image]:
    return [pixels(seed) for seed in range(PHOTOS)]


@pytest.fixture
def store(tmp_path: Path, drawn: list[Image.Image]) -> Store:
    """A day of photos, and a later one with copies of them that were saved again."""
    store = open_store(tmp_path.as_uri())
    for number, image in enumerate(drawn):
        store.put(layout.landing_photo(DAY, "grass", f"{number}.png"), encode(image, "PNG"))
        store.put(layout.landing_photo(NEXT, "grass", f"{number}.jpg"), encode(image, "JPEG"))
    return store


def as_of_version_3(table: pa.Table) -> pa.Table:
    """A clean table whose measures are of another length, and mean something else."""
    for name in ("pixels", "detail"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(name), pa.array([b"3"] * table.num_rows))
    return table.replace_schema_metadata({**table.schema.metadata, b"measures": b"3"})


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The photos that were decoded."""
    seen: list[bytes] = []

    def counted(data: bytes) -> Photo:
        seen.append(data)
        return decode(data)

    monkeypatch.setattr(measuring, "decode", counted)
    return seen


def test_copies_of_photos_of_an_older_version_join_their_groups(
    store: Store, decoded: list[bytes]
) -> None:
    first = clean(store, take_in(store, DAY, None).table)
    older, raw = as_of_version_3(first), take_in(store, NEXT, None).table
    said: list[str] = []
    second = clean(store, raw, None, [older], near_duplicates="auto", warn=said.append)
    assert second["group"].to_pylist() == first["group"].to_pylist()
    assert second.equals(clean(store, raw, None, [first]))
    assert len(said) == 1
    assert "6 photos of 1 other days were measured by another version" in said[0]
    before = len(decoded)
    third = clean(store, raw, second, [older], warn=said.append)
    assert third.equals(second)
    assert len(decoded) == before  # each of them is measured again once
    assert store.exists(layout.measures(MEASURES, DAY))
    assert set(damaged_tables(store)) == {None}


def test_photos_of_an_older_version_keep_their_groups_when_they_are_measured_again(
    store: Store, decoded: list[bytes]
) -> None:
    first = clean(store, take_in(store, DAY, None).table)
    raw = take_in(store, NEXT, None).table
    second = clean(store, raw, None, [first])
    assert second["group"].to_pylist() != second["sha256"].to_pylist()
    again = clean(store, raw, as_of_version_3(second), [])
    assert again["group"].to_pylist() == second["group"].to_pylist()
    assert again.select(MEASURED_SCHEMA.names).equals(second.select(MEASURED_SCHEMA.names))
    assert len(decoded) == 3 * PHOTOS


def test_what_cannot_be_measured_again_is_left_out_with_a_warning(store: Store) -> None:
    older = as_of_version_3(clean(store, take_in(store, DAY, None).table))
    gone, altered = older["sha256"].to_pylist()[:2]
    store.delete(layout.image(gone))
    store.put(layout.image(altered), b"something else")
    said: list[str] = []
    second = clean(store, take_in(store, NEXT, None).table, None, [older], warn=said.append)
    joined = [group in older["group"].to_pylist() for group in second["group"].to_pylist()]
    assert joined == [False, False, True, True, True, True]
    assert "2 photos of other days cannot be read any more" in said[1]
    assert "`dandelion store check`" in said[1]


def test_photos_of_the_same_version_are_not_measured_again(
    store: Store, decoded: list[bytes]
) -> None:
    first = clean(store, take_in(store, DAY, None).table)
    said: list[str] = []
    clean(store, take_in(store, NEXT, None).table, None, [first], warn=said.append)
    assert (said, len(decoded)) == ([], 2 * PHOTOS)
    assert store.list_objects(layout.MEASURES) == []


def test_measures_of_another_version_are_rubbish(store: Store) -> None:
    for version in ("3", MEASURES):
        write_table(store, layout.measures(version, DAY), MEASURED_SCHEMA.empty_table())
    assert [orphan.name for orphan in outdated_measures(store)] == [layout.measures("3", DAY)]
