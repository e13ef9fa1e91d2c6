import numpy as np
import pytest

from dandelion_pipeline.training.agreement import agreement, tolerance
from dandelion_pipeline.training.data import PreparedPhotos
from dandelion_pipeline.training.golden import golden_of
from dandelion_pipeline_tests.tiny_models import SIZE, golden, onnx_graph

PIXELS, LOGITS = golden().pixels, golden().logits
UNSURE = (LOGITS / 9).astype(np.float32)


def test_a_graph_that_answers_as_the_network_does_agrees() -> None:
    found = agreement(onnx_graph(), PIXELS, LOGITS, labels=1.0, difference=1e-3)
    assert found.agrees
    assert (found.photos, found.labels_equal) == (2, 1.0)
    assert found.largest_difference == pytest.approx(0, abs=1e-6)


def test_a_graph_that_gives_other_labels_does_not_agree() -> None:
    found = agreement(onnx_graph(flipped=True), PIXELS, LOGITS, labels=0.99)
    assert (found.labels_equal, found.agrees) == (0.0, False)
    assert found.largest_difference == pytest.approx(1, abs=0.01)


def test_equal_labels_are_not_enough_where_probabilities_count() -> None:
    found = agreement(onnx_graph(), PIXELS, UNSURE, labels=1.0, difference=1e-3)
    assert (found.labels_equal, found.agrees) == (1.0, False)


def test_a_network_that_says_nothing_agrees_with_nobody() -> None:
    found = agreement(
        onnx_graph(), PIXELS, np.full_like(LOGITS, np.nan), labels=0.0, difference=0.5
    )
    assert (found.largest_difference, found.agrees) == (1.0, False)


def test_a_server_may_be_as_far_off_as_the_validation_split_was_and_some_more() -> None:
    found = agreement(onnx_graph(), PIXELS, UNSURE, labels=0.99)
    assert found.largest_difference < tolerance(found) < 1


def test_golden_examples_are_of_every_class_however_rare_and_in_whatever_order() -> None:
    labels = np.array([0] * 30 + [1] * 3)
    pixels = np.arange(33, dtype=np.uint8)[:, None, None, None].repeat(SIZE, 1)
    logits = np.stack([np.arange(33), labels], axis=1).astype(np.float32)
    chosen = golden_of(PreparedPhotos(pixels, labels), logits)
    assert sorted(chosen.logits[:, 1]) == [0, 0, 0, 0, 0, 1, 1, 1]
    assert (chosen.pixels[:, 0, 0, 0] == chosen.logits[:, 0]).all()
