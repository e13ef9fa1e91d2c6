from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.embeddings import embedding
from dandelion_pipeline.embeddings.backbone import EARLY, FEATURES, version
from dandelion_pipeline.embeddings.embedding import (
    SCHEMA,
    Embedder,
    backbone_embedder,
    embeddings,
    stages,
)
from dandelion_pipeline.errors import ObjectNotFound
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.ingest import garbage_collection
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import damaged_tables
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data import tiny_models

DAY, NEXT_DAY = "2025-05-01", "2025-05-02"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture(scope="module")
def backbone() -> Embedder:
    return backbone_embedder("cpu")


def images(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(count)
    ]


def photos(store: Store, day: str, numbers: range) -> pa.Table:
    """Photos of one colour each, kept."""
    hashes = []
    for number in numbers:
        data = tiny_models.photo((number, 100, 50))
        hashes.append(sha256_hex(data))
        store.put(layout.image(hashes[-1]), data)
    return pa.table({"sha256": hashes, "day": [day] * len(hashes)})


def forget(store: Store, table: pa.Table) -> None:
    """Remove the photos, so that reading one again would show."""
    for sha256 in table["sha256"].to_pylist():
        store.delete(layout.image(sha256))


def test_embeddings_do_not_depend_on_the_batch(backbone: Embedder) -> None:
    pictures = images(70)
    together = backbone.embed(iter(pictures))
    assert together.shape == (70, FEATURES)
    assert together.dtype == np.float32
    assert backbone.embed(pictures[66:67]) == pytest.approx(together[66:67], abs=1e-4)
    assert backbone.embed([]).shape == (0, FEATURES)


def test_each_photo_of_a_table_is_embedded(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(3))
    found = embeddings(store, backbone, table)
    pictures = [decode(tiny_models.photo((number, 100, 50))).image for number in range(3)]
    assert found == pytest.approx(backbone.embed(pictures), rel=1e-3, abs=1e-4)


def test_what_was_embedded_once_is_not_read_again(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(5))
    first = embeddings(store, backbone, table)
    forget(store, table)
    assert np.array_equal(embeddings(store, backbone, table), first)
    assert np.array_equal(embeddings(store, backbone, table.take([4, 0, 0])), first[[4, 0, 0]])


def test_another_day_embeds_only_its_own_photos(store: Store, backbone: Embedder) -> None:
    old = photos(store, DAY, range(3))
    first = embeddings(store, backbone, old)
    forget(store, old)
    before = store.get(layout.embeddings(version(), DAY))
    new = photos(store, NEXT_DAY, range(3, 5))
    both = pa.concat_tables([new.slice(0, 1), old, new.slice(1)])
    found = embeddings(store, backbone, both)
    assert np.array_equal(found[1:4], first)
    assert np.array_equal(found[[0, 4]], embeddings(store, backbone, new))
    assert store.get(layout.embeddings(version(), DAY)) == before


def test_a_photo_more_is_embedded_alone(store: Store, backbone: Embedder) -> None:
    old = photos(store, DAY, range(3))
    first = embeddings(store, backbone, old)
    forget(store, old)
    found = embeddings(store, backbone, pa.concat_tables([photos(store, DAY, range(3, 4)), old]))
    assert np.array_equal(found[1:], first)


def test_another_backbone_version_lives_beside_the_first(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(3))
    first = embeddings(store, backbone, table)
    other = replace(backbone, version="another", preprocessing=Preprocessing(size=64))
    assert not np.array_equal(embeddings(store, other, table), first)
    forget(store, table)
    assert np.array_equal(embeddings(store, backbone, table), first)


def test_what_was_kept_and_is_damaged_is_made_again(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(3))
    first = embeddings(store, backbone, table)
    store.put(layout.embeddings(version(), DAY), b"damaged")
    assert np.array_equal(embeddings(store, backbone, table), first)
    assert [damage for damage in damaged_tables(store) if damage] == []


def test_an_earlier_stage_is_kept_beside_the_features(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(3))
    features = embeddings(store, backbone, table)
    forget(store, table)
    found = stages(store, backbone, table.take([2, 0]))
    assert found.shape == (2, FEATURES + EARLY)
    assert np.array_equal(found[:, :FEATURES], features[[2, 0]])
    assert np.abs(found[0, FEATURES:] - found[1, FEATURES:]).max() > 0.01


def test_features_of_when_no_earlier_stage_was_kept_are_made_again(
    store: Store, backbone: Embedder
) -> None:
    table, key = photos(store, DAY, range(3)), layout.embeddings(version(), DAY)
    first = stages(store, backbone, table)
    write_table(store, key, read_table(store, key).drop_columns("early"))
    assert np.array_equal(stages(store, backbone, table), first)
    assert read_table(store, key).schema == SCHEMA


def test_a_photo_that_is_not_there_is_named(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(2))
    forget(store, table.slice(1))
    with pytest.raises(ObjectNotFound, match=table["sha256"][1].as_py()):
        embeddings(store, backbone, table)


def test_embeddings_that_are_killed_go_on_where_they_were(
    store: Store, backbone: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = photos(store, DAY, range(0, 250, 50))
    whole = embeddings(store, backbone, table)
    store.delete(layout.embeddings(version(), DAY))
    monkeypatch.setattr(embedding, "ROWS", 2)
    forget(store, table.slice(4))
    with pytest.raises(ObjectNotFound):
        embeddings(store, backbone, table)
    forget(store, table.slice(0, 4))
    photos(store, DAY, range(200, 201))
    assert np.allclose(embeddings(store, backbone, table), whole, atol=1e-3)
    assert store.list_objects(layout.PARTS) == []


def test_no_photo_is_needed_because_it_was_embedded(store: Store, backbone: Embedder) -> None:
    table = photos(store, DAY, range(2))
    embeddings(store, backbone, table)
    assert len(garbage_collection.orphans(store)) == 2
    forget(store, table)
    assert garbage_collection.missing(store) == []


def test_an_empty_table_has_no_embeddings(store: Store, backbone: Embedder) -> None:
    assert embeddings(store, backbone, photos(store, DAY, range(0))).shape == (0, FEATURES)
    assert store.list_objects(layout.TABLES) == []
