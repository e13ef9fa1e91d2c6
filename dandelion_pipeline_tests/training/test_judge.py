"""Challengers against champions, from photos to the release log."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.decision import last_decision, refusals
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.training.data import load_prepared
from dandelion_pipeline.training.dataset import TEST, TRAIN, rows_of
from dandelion_pipeline.training.gate import NOT_SAMPLE, NOT_WORSE, RECOGNISED
from dandelion_pipeline.training.publish import Outcome
from dandelion_pipeline_tests import tiny_models
from dandelion_pipeline_tests.training.conftest import TINY
from dandelion_pipeline_tests.training.test_publish import (
    MISSES_SOME_GRASS,
    challenger,
    coloured_dataset,
    published,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def dataset(store: Store) -> pa.Table:
    return coloured_dataset(store, each=130)


def live(store: Store, dataset: pa.Table, version: str, onnx: bytes | None = None) -> None:
    """Make a model live that says which photos it was trained on."""
    data = challenger(dataset, version, onnx=onnx).record.data
    tiny_models.publish(store, version, onnx, data=data)


def against(outcome: Outcome) -> set[str]:
    return {criterion.check for criterion in outcome.decision.failed}


def test_a_better_and_an_equal_challenger_go_live(store: Store, dataset: pa.Table) -> None:
    live(store, dataset, "v1", MISSES_SOME_GRASS)
    assert against(published(store, dataset, "better")) == set()
    assert against(published(store, dataset, "equal")) == set()
    assert [entry.version for entry in log.history(store)] == ["v1", "better", "equal"]


def test_a_challenger_that_is_worse_on_one_class_is_refused_with_its_reasons_kept(
    store: Store, dataset: pa.Table
) -> None:
    live(store, dataset, "v1")
    outcome = published(store, dataset, "v2", onnx=tiny_models.onnx_graph(blue=(0.1, 100)))
    assert RECOGNISED in against(outcome)
    assert "'grass'" in outcome.decision.reason
    assert "'dandelion'" not in outcome.decision.reason
    assert log.live(store).version == "v1"
    assert last_decision(store, "v2") == outcome.decision
    assert refusals(store) == [outcome.decision]
    open_bundle(store, "v2").verify()


def learnt(store: Store, dataset: pa.Table, *, shuffled: bool) -> bytes:
    """A logistic regression on the mean colours of the training photos, as a graph."""
    photos = load_prepared(store, rows_of(dataset, TRAIN), tiny_models.CLASSES, TINY.preprocessing)
    labels = photos.labels
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
    fitted = LogisticRegression().fit(photos.pixels.mean(axis=(1, 2)), labels)
    red, green, blue = (-fitted.coef_[0] / 2).tolist()
    return tiny_models.linear_graph((red, green, blue), float(-fitted.intercept_[0] / 2))


def test_a_model_that_learnt_from_shuffled_labels_is_refused_and_one_from_true_labels_is_not(
    store: Store, dataset: pa.Table
) -> None:
    good = published(store, dataset, "good", onnx=learnt(store, dataset, shuffled=False))
    assert good.decision.promote
    planted = published(store, dataset, "planted", onnx=learnt(store, dataset, shuffled=True))
    assert against(planted) >= {NOT_WORSE, RECOGNISED}
    assert log.live(store).version == "good"


def test_a_damaged_champion_is_named_and_holds_challengers_up_until_somebody_decides(
    store: Store, dataset: pa.Table
) -> None:
    live(store, dataset, "v1")
    live(store, dataset, "v2")
    store.put(layout.model_file("v2", ONNX_FILE), b"damaged")
    outcome = published(store, dataset, "v3")
    assert against(outcome) == {NOT_WORSE}
    assert "v2 cannot be compared: file" in outcome.decision.reason
    assert outcome.decision.champion == "v2"
    forced = published(store, dataset, "v4", forced_because="v2 was lost with a disk")
    assert forced.decision.promote
    entry = log.live(store)
    assert (entry.version, entry.previous, entry.forced) == ("v4", "v2", True)
    assert entry.why.startswith("v2 was lost with a disk (forced; the live model v2 cannot be")


@pytest.mark.parametrize("name", [layout.MANIFEST, ONNX_FILE])
def test_a_champion_without_its_manifest_or_graph_is_damaged_too(
    store: Store, dataset: pa.Table, name: str
) -> None:
    live(store, dataset, "v1")
    store.delete(layout.model_file("v1", name))
    outcome = published(store, dataset, "v2")
    assert against(outcome) == {NOT_WORSE}
    assert log.live(store).version == "v1"


def test_a_champion_that_cannot_run_is_damaged_too(store: Store, dataset: pa.Table) -> None:
    tiny_models.publish(store, "v1", b"no graph")
    outcome = published(store, dataset, "v2")
    assert against(outcome) == {NOT_WORSE}
    assert "ONNX Runtime cannot run it" in outcome.decision.reason


def test_a_test_split_that_has_grown_is_asked_of_both(store: Store) -> None:
    live(store, coloured_dataset(store, each=60), "v1")
    grown = coloured_dataset(store, each=160)
    outcome = published(store, grown, "v2")
    assert outcome.decision.promote
    metrics = outcome.manifest.metrics
    assert metrics.test_photos == rows_of(grown, TEST).num_rows
    assert metrics.champion_accuracy == 1.0
    assert "trained on" not in outcome.decision.reason


def test_photos_that_the_champion_was_trained_on_do_not_count_for_it(store: Store) -> None:
    live(store, coloured_dataset(store, each=130, salt="old"), "v1")
    resalted = coloured_dataset(store, each=130, salt="new")
    photos = rows_of(resalted, TEST).num_rows
    outcome = published(store, resalted, "v2")
    assert outcome.decision.promote
    (said, counted) = (c for c in outcome.decision.criteria if c.check == NOT_WORSE)
    left_out = int(said.says.split("without ")[1].split()[0])
    assert 0 < left_out < photos
    assert f"on {photos - left_out} photos that neither was trained on" in counted.says


def test_a_champion_that_does_not_name_its_photos_is_compared_on_all_and_that_is_said(
    store: Store, dataset: pa.Table
) -> None:
    tiny_models.publish(store, "old")
    outcome = published(store, dataset, "new")
    assert outcome.decision.promote
    assert "not known which photos the live model was trained on" in outcome.decision.reason


def test_a_sample_model_is_refused_unless_somebody_forces_it(
    store: Store, dataset: pa.Table
) -> None:
    live(store, dataset, "real", MISSES_SOME_GRASS)
    assert against(published(store, dataset, "sample", sample=True)) == {NOT_SAMPLE}
    forced = published(store, dataset, "toy", sample=True, forced_because="for a fair")
    assert forced.decision.promote
    assert against(forced) == {NOT_SAMPLE}
    assert log.live(store).version == "toy"


def test_judging_a_model_again_adds_a_decision_only_if_something_changed(
    store: Store, dataset: pa.Table
) -> None:
    live(store, dataset, "v1")
    first = published(store, dataset, "v2", flipped=True).decision
    assert published(store, dataset, "v2", flipped=True).decision == first
    live(store, dataset, "v3")
    again = published(store, dataset, "v2", flipped=True).decision
    assert (again.number, again.champion) == (2, "v3")
