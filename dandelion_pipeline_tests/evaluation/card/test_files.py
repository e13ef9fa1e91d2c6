"""How a model card comes into a bundle, whatever happens in between."""

from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.evaluation.scores import score
from dandelion_pipeline.gate.publish import Origin, publish
from dandelion_pipeline.release.bundle import open_bundle, put_files
from dandelion_pipeline.release.manifest import (
    CARD_HTML,
    CARD_MARKDOWN,
    EVALUATION_FILE,
    Manifest,
)
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.gate.test_publish import (
    challenger,
    dataset,
    published,
    store,
)

__all__ = ["dataset", "store"]


@pytest.fixture
def model(store: Store, dataset: pa.Table) -> TrainedModel:
    made = challenger(dataset, "one", flipped=False, sample=False)
    put_files(store, "one", made.bundle_files())
    return made


def contents(store: Store) -> dict[str, bytes]:
    return {o.key: store.get(o.key) for o in store.list_objects("models/one/")}


def put_back(place: Store, files: dict[str, bytes]) -> None:
    for key, data in files.items():
        place.put_if_absent(key, data)


def test_the_card_is_part_of_the_bundle_and_of_what_is_verified(
    store: Store, dataset: pa.Table
) -> None:
    published(store, dataset, "one")
    bundle = open_bundle(store, "one")
    assert {CARD_MARKDOWN, CARD_HTML, EVALUATION_FILE} <= set(bundle.manifest.files)
    bundle.verify()
    assert bundle.read(CARD_MARKDOWN).startswith(b"# Model card: `one`\n")
    assert bundle.read(CARD_HTML).startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_run_that_was_killed_after_any_file_is_taken_up_by_the_next(
    store: Store, dataset: pa.Table, model: TrainedModel, written: int, tmp_path: Path
) -> None:
    first = publish(store, model, score(store, dataset, model), Origin("1", "killed", "m"))
    assert first is not None
    whole = contents(store)
    of_card = [f"models/one/{name}" for name in (EVALUATION_FILE, CARD_MARKDOWN, CARD_HTML)]
    lost = [*of_card[written:], layout.model_file("one", layout.MANIFEST)]
    other = open_store((tmp_path / "other").as_uri())
    put_back(other, {key: data for key, data in whole.items() if key not in lost})
    for found in store.list_objects(layout.IMAGES):
        other.put(found.key, store.get(found.key))
    tiny_models.publish(other, "meanwhile", tiny_models.onnx_graph(flipped=True))
    second = publish(other, model, score(other, dataset, model), Origin("1", "next", "m"))
    assert second is not None
    bundle = open_bundle(other, "one")
    bundle.verify()
    settled = written > 0
    assert bundle.manifest.dagster_run == ("killed" if settled else "next")
    assert bundle.manifest.metrics.champion_version == (None if settled else "meanwhile")
    says = bundle.read(CARD_MARKDOWN).decode()
    assert ("`killed`" in says) == settled
    assert ("`meanwhile`" in says) != settled


def test_what_is_settled_first_is_the_manifest_but_for_the_files_of_the_card(
    store: Store, dataset: pa.Table
) -> None:
    manifest = published(store, dataset, "one").manifest
    settled = Manifest.parse(open_bundle(store, "one").read(EVALUATION_FILE), "here")
    assert manifest.model_copy(update={"files": settled.files}) == settled
    assert set(manifest.files) - set(settled.files) == {CARD_MARKDOWN, CARD_HTML, EVALUATION_FILE}
