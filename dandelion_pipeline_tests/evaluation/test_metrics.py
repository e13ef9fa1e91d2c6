import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from dandelion_pipeline.evaluation.metrics import measure, prediction_table
from dandelion_pipeline.networks.graphs import predict
from dandelion_pipeline_tests.data.tiny_models import GREEN, SIZE, YELLOW, onnx_graph

CLASSES = ["a", "b", "c"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**6)), min_size=1, max_size=60))
def test_the_figures_are_those_of_scikit_learn(answers: list[tuple[int, int]]) -> None:
    given_labels = np.array([label for label, _ in answers])
    seeds = [seed for _, seed in answers]
    probabilities = np.array([np.random.default_rng(s).dirichlet(np.ones(3)) for s in seeds])
    rows = pa.table(
        {"sha256": [str(i) for i in seeds], "label": [CLASSES[i] for i in given_labels]}
    )
    ours = measure(prediction_table(rows, CLASSES, np.log(probabilities)), CLASSES)
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        given_labels, predicted, labels=[0, 1, 2], zero_division=0
    )
    assert ours.accuracy == pytest.approx(oracle.accuracy_score(given_labels, predicted))
    assert (
        ours.confusion
        == oracle.confusion_matrix(given_labels, predicted, labels=[0, 1, 2]).tolist()
    )
    assert ours.log_loss == pytest.approx(
        oracle.log_loss(given_labels, probabilities, labels=[0, 1, 2])
    )
    balanced = recall[support > 0].mean()
    macro = oracle.f1_score(given_labels, predicted, average="macro")
    assert (ours.balanced_accuracy, ours.macro_f1) == pytest.approx((balanced, macro))
    for i, label in enumerate(CLASSES):
        figures = ours.per_class[label]
        assert (figures.precision, figures.recall, figures.f1) == pytest.approx(
            (precision[i], recall[i], f1[i])
        )
        assert figures.support == support[i]
        if 0 < support[i] < len(answers):
            is_class, chances = given_labels == i, probabilities[:, i]
            assert figures.roc_auc == pytest.approx(oracle.roc_auc_score(is_class, chances))
        else:
            assert figures.roc_auc is None


def test_predictions_are_probabilities_whatever_the_number_of_photos() -> None:
    pixels = np.stack(
        [np.full((SIZE, SIZE, 3), YELLOW if i % 2 else GREEN, np.uint8) for i in range(130)]
    )
    probabilities = predict(onnx_graph(), pixels)
    assert probabilities.shape == (130, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(axis=1) == [0 if i % 2 else 1 for i in range(130)]).all()


def test_a_higher_temperature_makes_the_model_less_sure() -> None:
    pixels = np.full((1, SIZE, SIZE, 3), YELLOW, np.uint8)
    assert predict(onnx_graph(), pixels, 3.0).max() < predict(onnx_graph(), pixels).max()


def test_an_overconfident_model_is_measured_before_and_after_scaling() -> None:
    random = np.random.default_rng(0)
    logits = np.stack([random.normal(0, 2, 300), np.zeros(300)], axis=1)
    labels = random.random(300) > 1 / (1 + np.exp(-logits[:, 0]))
    rows = pa.table(
        {"sha256": [str(i) for i in range(300)], "label": [CLASSES[int(i)] for i in labels]}
    )
    metrics = measure(prediction_table(rows, CLASSES[:2], 3 * logits, 3.0), CLASSES[:2])
    calibration = metrics.calibration
    assert calibration is not None
    assert calibration.ece < calibration.ece_at_most_by_chance < calibration.ece_before
    assert metrics.log_loss < calibration.log_loss_before
    assert sum(part.photos for part in calibration.bins) == 300
