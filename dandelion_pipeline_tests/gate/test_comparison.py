"""Challengers against champions, from photos to the release log."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from dandelion_pipeline.dataset.dataset import TEST, TRAIN, rows_of
from dandelion_pipeline.evaluation.scores import score
from dandelion_pipeline.gate.gate import NOT_SAMPLE, NOT_WORSE, RECOGNISED, USEFUL
from dandelion_pipeline.gate.publish import Outcome, publish
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle, put_files
from dandelion_pipeline.release.decision import last_decision, refusals
from dandelion_pipeline.release.manifest import ONNX_FILE, WEIGHTS_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.data.small_data_set import TINY
from dandelion_pipeline_tests.gate.test_publish import (
    MISSES_SOME_GRASS,
    ORIGIN,
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
    assert against(planted) >= {NOT_WORSE}
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
    (said,) = (c for c in outcome.decision.criteria if c.check == NOT_WORSE)
    left_out = int(said.says.split("without ")[1].split()[0])
    assert 0 < left_out < photos
    assert f"on {photos - left_out} photos" in said.says


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


def warned(outcome: Outcome) -> set[str]:
    return {criterion.check for criterion in outcome.decision.warnings}


def test_the_cards_figures_are_of_the_photos_that_the_gate_compares(store: Store) -> None:
    live(store, coloured_dataset(store, each=130, salt="old"), "v1", MISSES_SOME_GRASS)
    outcome = published(store, coloured_dataset(store, each=130, salt="new"), "v2")
    metrics = outcome.manifest.metrics
    (said,) = (c for c in outcome.decision.criteria if c.check == NOT_WORSE)
    assert f"{metrics.lost} photos lost, {metrics.gained} gained" in said.says
    assert f"on {metrics.compared_photos} photos" in said.says
    assert metrics.compared_photos is not None
    assert metrics.compared_photos < metrics.test_photos
    assert metrics.gained == round((1 - (metrics.champion_accuracy or 0)) * metrics.compared_photos)


def heir(model: TrainedModel, weights: bytes) -> TrainedModel:
    """The same model, as if its training had begun with weights."""
    changes = {"weights": "weights.safetensors", "weights_sha256": sha256_hex(weights)}
    config = model.record.config.model_copy(update=changes)
    return TrainedModel(model.record.model_copy(update={"config": config}), model.files)


def begin_with(store: Store, dataset: pa.Table, weights: bytes, version: str = "v2") -> Outcome:
    model = heir(challenger(dataset, version), weights)
    put_files(store, version, model.bundle_files())
    outcome = publish(store, model, score(store, dataset, model), ORIGIN)
    assert outcome is not None
    return outcome


def ancestor(store: Store, dataset: pa.Table, weights: bytes, began_with: bytes = b"") -> None:
    """A finished bundle that was never live."""
    named = {"weights": "x", "weights_sha256": sha256_hex(began_with)}
    training = named if began_with else {}
    data = challenger(dataset, "any").record.data
    beside = {WEIGHTS_FILE: weights}
    version = f"of-{weights.decode()}"
    tiny_models.put_bundle(store, version, beside=beside, data=data, training=training)


def test_photos_that_an_ancestor_has_seen_do_not_count(store: Store) -> None:
    old, new = (coloured_dataset(store, each=130, salt=salt) for salt in ("old", "new"))
    test = rows_of(new, TEST)
    known = set(test["sha256"].to_pylist()) - set(rows_of(old, TEST)["sha256"].to_pylist())
    ancestor(store, old, b"first")
    ancestor(store, new, b"second", began_with=b"first")
    live(store, new, "v1")
    for version, weights in (("child", b"first"), ("grandchild", b"second")):
        outcome = begin_with(store, new, weights, version)
        assert 0 < len(known) < test.num_rows
        assert outcome.manifest.metrics.test_photos == test.num_rows - len(known)
        says = f"without {len(known)} photos that the weights it began with have seen"
        assert says in outcome.decision.reason


def test_photos_that_the_champions_ancestor_has_seen_do_not_count_for_it(store: Store) -> None:
    old, new = (coloured_dataset(store, each=130, salt=salt) for salt in ("old", "new"))
    ancestor(store, old, b"first")
    begin_with(store, new, b"first", "v1")
    assert log.live(store).version == "v1"
    outcome = published(store, new, "v2")
    metrics = outcome.manifest.metrics
    assert metrics.compared_photos is not None
    assert 0 < metrics.compared_photos < metrics.test_photos


def test_weights_of_another_store_leave_nothing_out_and_that_is_said(
    store: Store, dataset: pa.Table
) -> None:
    outcome = begin_with(store, dataset, b"from elsewhere")
    assert outcome.decision.promote
    assert outcome.manifest.metrics.test_photos == rows_of(dataset, TEST).num_rows
    assert "no model of this store has the weights" in outcome.decision.reason


def test_the_best_model_so_far_stays_the_measure_of_later_ones(
    store: Store, dataset: pa.Table
) -> None:
    assert published(store, dataset, "v1").decision.best == "v1"
    a_little_worse, worse_again = (
        tiny_models.onnx_graph(blue=(0.15, 20 + wrong_below)) for wrong_below in (53, 58)
    )
    outcome = published(store, dataset, "v2", onnx=a_little_worse)
    assert outcome.decision.promote
    assert outcome.decision.best == "v1"
    refused = published(store, dataset, "v3", onnx=worse_again)
    assert "it is worse than the best model so far, v1" in refused.decision.reason
    assert len(refused.decision.failed) == 1


def test_forcing_a_model_makes_it_the_measure(store: Store, dataset: pa.Table) -> None:
    published(store, dataset, "v1")
    published(store, dataset, "v2", onnx=MISSES_SOME_GRASS, forced_because="new labels")
    outcome = published(store, dataset, "v3", onnx=MISSES_SOME_GRASS)
    assert outcome.decision.promote
    assert outcome.decision.best == "v2"


def test_a_best_model_that_is_damaged_holds_nobody_up(store: Store, dataset: pa.Table) -> None:
    published(store, dataset, "v1")
    published(store, dataset, "v2")
    store.put(layout.model_file("v1", ONNX_FILE), b"damaged")
    outcome = published(store, dataset, "v3")
    assert outcome.decision.promote
    assert outcome.decision.best == "v2"


@pytest.mark.parametrize("each", [10, 14])
def test_a_first_model_of_two_times_ten_photos_goes_live_with_a_warning(
    store: Store, each: int
) -> None:
    outcome = published(store, coloured_dataset(store, each=each), "v1")
    assert outcome.decision.promote
    assert warned(outcome) <= {USEFUL}
