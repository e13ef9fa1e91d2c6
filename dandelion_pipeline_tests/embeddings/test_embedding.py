from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from dandelion_pipeline.embeddings.embedding import (
    UNTRAINED,
    Embedder,
    embeddings,
    live_embedder,
    untrained_embedder,
)
from dandelion_pipeline.errors import ObjectNotFound
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, prepare
from dandelion_pipeline.ingest import garbage_collection
from dandelion_pipeline.networks.resnet import ARCHITECTURE, FEATURES, ServedNetwork, build_network
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.manifest import ONNX_FILE, WEIGHTS_FILE
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import damaged_tables
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.export.onnx_graphs import export_weights
from dandelion_pipeline_tests.data import tiny_models

DAY, NEXT_DAY = "2025-05-01", "2025-05-02"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture(scope="module")
def untrained() -> Embedder:
    return untrained_embedder("cpu")


def images(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(count)
    ]


def publish(store: Store, version: str, network: torch.nn.Module, classes: int = 2) -> None:
    files = {ONNX_FILE: b"not read here", WEIGHTS_FILE: export_weights(network)}
    bundle.put_files(store, version, files)
    names = [f"class {number}" for number in range(classes)]
    manifest = tiny_models.manifest(version, files, architecture=ARCHITECTURE, classes=names)
    promote(bundle.finish(store, manifest), who="a test", why="it is being tested")


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


def test_without_a_live_model_an_untrained_network_looks(store: Store) -> None:
    assert live_embedder(store).version == UNTRAINED


def test_the_untrained_network_is_always_the_same(untrained: Embedder) -> None:
    torch.manual_seed(5)
    again = untrained_embedder("cpu")
    assert np.array_equal(again.embed(images(3)), untrained.embed(images(3)))


def test_making_it_leaves_the_seed_of_others_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    untrained_embedder("cpu")
    assert torch.rand(1) == expected


def test_embeddings_do_not_depend_on_the_batch(untrained: Embedder) -> None:
    pictures = images(70)
    together = untrained.embed(iter(pictures))
    assert together.shape == (70, FEATURES)
    assert together.dtype == np.float32
    assert untrained.embed(pictures[66:67]) == pytest.approx(together[66:67], abs=1e-4)
    assert untrained.embed([]).shape == (0, FEATURES)


def test_the_live_model_sees_what_its_classifier_decides_on(store: Store) -> None:
    torch.manual_seed(1)
    network = build_network(classes=3).eval()
    publish(store, "v1", network, classes=3)
    found = live_embedder(store, "cpu")
    assert (found.version, found.preprocessing) == ("v1", Preprocessing(size=tiny_models.SIZE))
    pictures = images(2)
    features = torch.from_numpy(found.embed(pictures))
    pixels = np.stack([prepare(image, found.preprocessing) for image in pictures])
    with torch.inference_mode():
        logits = ServedNetwork(network, found.preprocessing)(torch.from_numpy(pixels))
        assert network.get_submodule("fc")(features).numpy() == pytest.approx(
            logits.numpy(), abs=1e-4
        )


def test_a_live_model_of_another_architecture_is_not_asked(store: Store) -> None:
    tiny_models.publish(store, "tiny", beside={WEIGHTS_FILE: export_weights(torch.nn.Linear(2, 2))})
    assert live_embedder(store).version == UNTRAINED


@pytest.mark.parametrize("name", [WEIGHTS_FILE, layout.MANIFEST])
def test_a_damaged_live_model_is_not_parsed_and_keeps_nobody_from_looking_at_photos(
    store: Store, name: str
) -> None:
    publish(store, "v1", build_network(classes=2))
    store.put(layout.model_file("v1", name), b"altered")
    assert live_embedder(store).version == UNTRAINED


def test_each_photo_of_a_table_is_embedded(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(3))
    found = embeddings(store, untrained, table)
    pictures = [decode(tiny_models.photo((number, 100, 50))).image for number in range(3)]
    assert found == pytest.approx(untrained.embed(pictures), rel=1e-3, abs=1e-4)


def test_what_was_embedded_once_is_not_read_again(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(5))
    first = embeddings(store, untrained, table)
    forget(store, table)
    assert np.array_equal(embeddings(store, untrained, table), first)
    assert np.array_equal(embeddings(store, untrained, table.take([4, 0, 0])), first[[4, 0, 0]])


def test_another_day_embeds_only_its_own_photos(store: Store, untrained: Embedder) -> None:
    old = photos(store, DAY, range(3))
    first = embeddings(store, untrained, old)
    forget(store, old)
    before = store.get(layout.embeddings(UNTRAINED, DAY))
    new = photos(store, NEXT_DAY, range(3, 5))
    both = pa.concat_tables([new.slice(0, 1), old, new.slice(1)])
    found = embeddings(store, untrained, both)
    assert np.array_equal(found[1:4], first)
    assert np.array_equal(found[[0, 4]], embeddings(store, untrained, new))
    assert store.get(layout.embeddings(UNTRAINED, DAY)) == before


def test_a_photo_more_is_embedded_alone(store: Store, untrained: Embedder) -> None:
    old = photos(store, DAY, range(3))
    first = embeddings(store, untrained, old)
    forget(store, old)
    found = embeddings(store, untrained, pa.concat_tables([photos(store, DAY, range(3, 4)), old]))
    assert np.array_equal(found[1:], first)


def test_another_network_looks_for_itself(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(3))
    first = embeddings(store, untrained, table)
    publish(store, "v1", build_network(classes=2))
    live = live_embedder(store, "cpu")
    assert not np.array_equal(embeddings(store, live, table), first)
    assert store.exists(layout.embeddings("v1", DAY))


def test_what_was_kept_and_is_damaged_is_made_again(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(3))
    first = embeddings(store, untrained, table)
    store.put(layout.embeddings(UNTRAINED, DAY), b"damaged")
    assert np.array_equal(embeddings(store, untrained, table), first)
    assert [damage for damage in damaged_tables(store) if damage] == []


def test_a_photo_that_is_not_there_is_named(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(2))
    forget(store, table.slice(1))
    with pytest.raises(ObjectNotFound, match=table["sha256"][1].as_py()):
        embeddings(store, untrained, table)


def test_no_photo_is_needed_because_it_was_embedded(store: Store, untrained: Embedder) -> None:
    table = photos(store, DAY, range(2))
    embeddings(store, untrained, table)
    assert len(garbage_collection.orphans(store)) == 2
    forget(store, table)
    assert garbage_collection.missing(store) == []


def test_an_empty_table_has_no_embeddings(store: Store, untrained: Embedder) -> None:
    assert embeddings(store, untrained, photos(store, DAY, range(0))).shape == (0, FEATURES)
    assert store.list_objects(layout.TABLES) == []
