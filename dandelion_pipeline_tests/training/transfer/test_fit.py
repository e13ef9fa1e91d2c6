import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from dandelion_pipeline.dataset.dataset import TEST, TRAIN, VALIDATION, rows_of
from dandelion_pipeline.embeddings.embedding import backbone_embedder, stages
from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.networks.graphs import predict, predict_logits
from dandelion_pipeline.networks.transfer import TRANSFER, HeadInputs
from dandelion_pipeline.release.manifest import GRAPHS, ONNX_FILE
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Imbalance, Model
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline.training.transfer.fit import fit_transfer
from dandelion_pipeline.training.transfer.head import (
    STRENGTHS,
    choose_head,
    fit_head,
    numbers_of,
)
from dandelion_pipeline_tests.data.small_data_set import TRANSFER as TRANSFER_CONFIG


@pytest.fixture(scope="module")
def model(transfer_model: TrainedModel) -> TrainedModel:
    return transfer_model


def blobs(counts: list[int], seed: int = 0, distance: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of classes that overlap, as 32-bit floats, and their classes."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    points = rng.normal(size=(len(labels), 4)) + distance * np.eye(4)[labels % 4]
    return points.astype(np.float32), labels


def balance(labels: np.ndarray, method: Imbalance = Imbalance.NONE, classes: int = 0) -> Balance:
    return Balance.of(method, torch.from_numpy(labels), classes or int(labels.max()) + 1)


def test_most_photos_of_the_test_split_are_right(
    model: TrainedModel, small_store: Store, small_dataset: pa.Table
) -> None:
    photos = load_prepared(
        small_store, rows_of(small_dataset, TEST), model.record.classes, PREPROCESSING
    )
    found = predict(model.onnx, photos.pixels, model.record.temperature)
    assert (found.argmax(axis=1) == photos.labels).mean() >= 0.8


def test_the_graph_answers_as_the_head_does_on_features_that_are_stored(
    model: TrainedModel, small_store: Store, small_dataset: pa.Table
) -> None:
    rows = rows_of(small_dataset, TRAIN)
    seen = torch.from_numpy(stages(small_store, backbone_embedder("cpu"), rows))
    inputs = HeadInputs()
    inputs.fit(seen)
    features = inputs(seen).numpy()
    labels = numbers_of(rows, model.record.classes)
    chosen = choose_head(features, labels, rows["group"].to_pylist(), balance(labels))
    pixels = load_prepared(small_store, rows, model.record.classes, PREPROCESSING).pixels
    found = predict_logits(model.files[ONNX_FILE], pixels)
    assert found == pytest.approx(chosen.head.logits(features), abs=0.05)
    assert model.record.temperature == pytest.approx(chosen.temperature)


def test_the_record_says_what_was_trained(model: TrainedModel) -> None:
    record = model.record
    assert (record.architecture, record.config.model) == (TRANSFER, Model.TRANSFER)
    assert record.preprocessing == PREPROCESSING
    assert record.rounds == 1
    assert set(record.temperatures.values()) == {record.temperature}
    assert GRAPHS[record.served_as or "fp32"] in model.files
    assert TrainedModel.from_files(model.bundle_files()).record == record
    assert record.choices is not None
    assert "photos are too few to tell" in record.choices.sentences()[-1]


def test_no_label_of_the_validation_split_decides_anything(
    model: TrainedModel, small_store: Store, small_dataset: pa.Table
) -> None:
    labels = small_dataset["label"].to_pylist()
    one, other = sorted(set(labels))
    split = small_dataset["split"].to_pylist()
    swapped = [
        (other if label == one else one) if part == VALIDATION else label
        for label, part in zip(labels, split, strict=True)
    ]
    place = small_dataset.column_names.index("label")
    changed = small_dataset.set_column(place, "label", pa.array(swapped))
    again = fit_transfer(small_store, changed, TRANSFER_CONFIG)
    assert again.files[ONNX_FILE] == model.files[ONNX_FILE]
    assert again.record.temperature == model.record.temperature
    assert again.record.history[0].validation_accuracy < 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_gives_the_probabilities_of_the_regression(classes: int) -> None:
    points, labels = blobs([40] * classes)
    head = fit_head(points, labels, balance(labels), 1.0)
    expected = LogisticRegression(C=1.0, max_iter=1000).fit(points, labels).predict_proba(points)
    logits = head.logits(points)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert chances == pytest.approx(expected, abs=1e-6)


def test_a_class_without_a_photo_is_never_named() -> None:
    points, labels = blobs([30, 0, 30])
    head = fit_head(points, labels, balance(labels, classes=3), 1.0)
    assert head.logits(points).argmax(axis=1).tolist().count(1) == 0


def test_balanced_sampling_finds_more_of_a_small_class_when_it_is_told_to() -> None:
    points, labels = blobs([400, 20], distance=1.5)
    plain = fit_head(points, labels, balance(labels), 1.0).logits(points)
    adjusted = fit_head(points, labels, balance(labels, Imbalance.LOGIT_ADJUSTMENT), 1.0)
    recalls = [
        (logits.argmax(axis=1) == labels)[labels == 1].mean()
        for logits in (plain, adjusted.logits(points))
    ]
    assert recalls[1] > recalls[0]


def test_balanced_sampling_keeps_the_mix_of_the_data() -> None:
    points, labels = blobs([400, 40], distance=1.5)
    logits = fit_head(points, labels, balance(labels, Imbalance.BALANCED_SAMPLING), 1.0).logits(
        points
    )
    share = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert share.mean() == pytest.approx(40 / 440, abs=0.03)


def test_photos_of_one_group_do_not_judge_each_other() -> None:
    """Each picture is there four times: a head that learns by heart would look good."""
    rng = np.random.default_rng(5)
    pictures = rng.normal(size=(30, 60)).astype(np.float32)
    labels = np.repeat(rng.permutation(np.arange(30) % 2), 4)
    points = np.repeat(pictures, 4, axis=0)
    together = choose_head(points, labels, [str(n // 4) for n in range(120)], balance(labels))
    apart = choose_head(points, labels, [str(n) for n in range(120)], balance(labels))
    assert together.strength == min(STRENGTHS)
    assert apart.strength > together.strength
    assert together.temperature > apart.temperature


def test_with_too_few_groups_nothing_is_chosen() -> None:
    points, labels = blobs([3, 1])
    chosen = choose_head(points, labels, ["a", "b", "c", "d"], balance(labels))
    assert chosen.temperature == 1.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=2, max_size=4), st.integers(0, 1_000))
def test_a_head_names_classes_that_are_there_with_finite_numbers(
    counts: list[int], seed: int
) -> None:
    points, labels = blobs(counts, seed)
    groups = [str(n) for n in range(len(labels))]
    chosen = choose_head(points, labels, groups, balance(labels))
    logits = chosen.head.logits(points)
    assert logits.shape == (len(labels), len(counts))
    assert np.isfinite(logits).all()
    assert chosen.temperature > 0
