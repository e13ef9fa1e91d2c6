import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from benchmarks.images.alterations import cropped, rotated, saved
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.dataset.copies import search
from dandelion_pipeline.dataset.copies.joined import pairs_among
from dandelion_pipeline.dataset.copies.kept import COPIES
from dandelion_pipeline.dataset.copies.search import find_copies
from dandelion_pipeline.embeddings.embedding import Embedder, backbone_embedder
from dandelion_pipeline.errors import ObjectNotFound
from dandelion_pipeline.images.copies.verdict import VERSION
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data import generated_scenes as scenes

DAY, NEXT_DAY = "2025-05-01", "2025-05-02"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture(scope="module")
def backbone() -> Embedder:
    return backbone_embedder("cpu")


def scene(seed: int) -> Image.Image:
    return scenes.outdoors(np.random.default_rng(seed), (160, 120))


def photos(store: Store, images: list[Image.Image], day: str = DAY) -> pa.Table:
    """What the search needs of photos; each is alone in its group."""
    hashes = []
    for image in images:
        file = io.BytesIO()
        image.save(file, "PNG")
        hashes.append(sha256_hex(file.getvalue()))
        store.put(layout.image(hashes[-1]), file.getvalue())
    columns = {"sha256": hashes, "day": [day] * len(hashes), "group": hashes}
    flags = {"keep": [True] * len(hashes), "is_sample": [False] * len(hashes)}
    return pa.table({**columns, **flags})


def pairs(store: Store, table: pa.Table) -> list[set[str]]:
    found = pairs_among(store, table["sha256"].combine_chunks())
    return [set(two) for two in zip(found["photo"].to_pylist(), found["other"].to_pylist())]  # noqa: B905


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The photos that were decoded to be compared."""
    seen: list[bytes] = []

    def counted(data: bytes) -> Photo:
        seen.append(data)
        return decode(data)

    monkeypatch.setattr(search, "decode", counted)
    return seen


def test_copies_of_one_day_are_found(store: Store, backbone: Embedder) -> None:
    part = saved(cropped(scene(0), [0.2, 0.1, 0.05, 0.1]), 70)
    table = photos(store, [scene(0), scene(1), part, scene(2), rotated(scene(1), 9)])
    assert find_copies(store, backbone, table) == 5
    names = table["sha256"].to_pylist()
    expected = [{names[0], names[2]}, {names[1], names[4]}]
    assert sorted(map(sorted, pairs(store, table))) == sorted(map(sorted, expected))


def test_copies_of_photos_of_earlier_days_are_found(store: Store, backbone: Embedder) -> None:
    old = photos(store, [scene(0), scene(1)])
    find_copies(store, backbone, old)
    before = store.get(layout.copies(f"{backbone.version}-{VERSION}", DAY))
    new = photos(store, [rotated(scene(1), -6)], NEXT_DAY)
    both = pa.concat_tables([old, new])
    assert find_copies(store, backbone, both) == 1
    assert pairs(store, both) == [{old["sha256"][1].as_py(), new["sha256"][0].as_py()}]
    assert store.get(layout.copies(f"{backbone.version}-{VERSION}", DAY)) == before


def test_what_was_compared_is_not_compared_again(
    store: Store, backbone: Embedder, decoded: list[bytes]
) -> None:
    table = photos(store, [scene(0), cropped(scene(0), [0.1] * 4), scene(1)])
    find_copies(store, backbone, table)
    assert len(decoded) == len(set(decoded)) > 0
    key, done = layout.copies(f"{backbone.version}-{VERSION}", DAY), len(decoded)
    before = store.get(key)
    assert find_copies(store, backbone, table) == 0
    assert (store.get(key), len(decoded)) == (before, done)


def test_searches_in_several_parts_decode_each_photo_once(
    store: Store, backbone: Embedder, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = photos(store, [scene(0), cropped(scene(0), [0.1] * 4), rotated(scene(0), 5)])
    monkeypatch.setattr(search, "_AT_ONCE", 1)
    said: list[str] = []
    find_copies(store, backbone, table, said.append)
    assert len(decoded) == len(set(decoded)) == 3
    assert len(pairs(store, table)) == 3
    assert said[-1] == "3 of 3 photos compared with similar ones"


def test_two_stores_with_the_same_photos_hold_the_same(tmp_path: Path, backbone: Embedder) -> None:
    kept = []
    for name in ("one", "two"):
        store = open_store((tmp_path / name).as_uri())
        table = photos(store, [scene(0), rotated(scene(0), 4), scene(1)])
        order = [0, 1, 2] if name == "one" else [2, 0, 1]
        find_copies(store, backbone, table.take(order))
        kept.append(store.get(layout.copies(f"{backbone.version}-{VERSION}", DAY)))
    assert kept[0] == kept[1]


def test_another_backbone_compares_anew(store: Store, backbone: Embedder) -> None:
    table = photos(store, [scene(0), scene(1)])
    find_copies(store, backbone, table)
    other = replace(backbone, version="another")
    assert find_copies(store, other, table) == 2


def test_photos_that_are_dropped_generated_or_near_duplicates_are_left_alone(
    store: Store, backbone: Embedder
) -> None:
    table = photos(store, [scene(0), rotated(scene(0), 5), scene(1)])
    rows = table.to_pylist()
    for change in (
        {"keep": False},
        {"is_sample": True},
        {"group": rows[0]["sha256"]},
    ):
        changed = pa.Table.from_pylist([rows[0], {**rows[1], **change}, rows[2]])
        find_copies(store, replace(backbone, version=str(change.keys())), changed)
        assert pairs(store, table) == []
    find_copies(store, backbone, table)
    assert len(pairs(store, table)) == 1


@pytest.mark.parametrize(("setting", "number"), [("auto", 1), ("exact", 0), ("off", 0)])
def test_the_setting_of_clean_images_holds_for_copies(
    store: Store, backbone: Embedder, setting: str, number: int
) -> None:
    table = photos(store, [scene(0), rotated(scene(0), 5)])
    said = {b"near_duplicates": f'{{"decision": "{setting}"}}'.encode()}
    write_table(store, layout.table(CLEAN_IMAGES, DAY), table.replace_schema_metadata(said))
    find_copies(store, backbone, table)
    assert len(pairs(store, table)) == number


def test_a_photo_without_a_copy_is_kept_as_compared(store: Store, backbone: Embedder) -> None:
    table = photos(store, [scene(0)])
    find_copies(store, backbone, table)
    kept = read_table(store, layout.copies(f"{backbone.version}-{VERSION}", DAY))
    assert kept.schema.equals(COPIES)
    assert kept["other"].to_pylist() == [None]


def test_no_photos_are_no_work(store: Store, backbone: Embedder) -> None:
    assert (
        find_copies(store, backbone, photos(store, []).cast(photos(store, [scene(0)]).schema)) == 0
    )


def test_a_photo_that_is_not_there_is_named(store: Store, backbone: Embedder) -> None:
    table = photos(store, [scene(0), rotated(scene(0), 5)])
    find_copies(store, replace(backbone, version="first"), table.slice(0, 1))
    store.delete(layout.image(table["sha256"][0].as_py()))
    with pytest.raises(ObjectNotFound, match=table["sha256"][0].as_py()):
        find_copies(store, backbone, table)
