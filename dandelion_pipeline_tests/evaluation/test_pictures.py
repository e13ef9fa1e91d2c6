import io
import re

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.evaluation import plots
from dandelion_pipeline.evaluation.metrics import measure, prediction_table
from dandelion_pipeline.evaluation.pictures import (
    CAPTIONS,
    CONFUSION_MATRIX,
    CURVES,
    GRAD_CAM,
    RELIABILITY,
    WORST_MISTAKES,
    evaluation_pictures,
    spread,
    worst_first,
)
from dandelion_pipeline.evaluation.plots.canvas import plain
from dandelion_pipeline.evaluation.plots.confusion import worst_classes
from dandelion_pipeline.evaluation.scores import measure_both, score
from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.training.untrained import untrained_model

ODD = ["$x^", "草" * 40]
"""Class names that would be a broken formula, and letters that the font lacks."""


def drawn(store: Store, dataset: pa.Table, made: TrainedModel) -> tuple[dict[str, bytes], Metrics]:
    scores = score(store, dataset, made)
    metrics = measure_both(scores, made.record.classes)
    return evaluation_pictures(store, made, scores, metrics), metrics


def test_everything_is_drawn_as_the_file_that_its_name_says(
    small_store: Store, small_dataset: pa.Table
) -> None:
    pictures, metrics = drawn(small_store, small_dataset, untrained_model(small_dataset))
    assert metrics.accuracy < 1
    assert list(pictures) == [CONFUSION_MATRIX, CURVES, RELIABILITY, WORST_MISTAKES, GRAD_CAM]
    assert set(pictures) <= set(CAPTIONS)
    for name, data in pictures.items():
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == name.split(".")[1].upper()
            assert len(data) < 400_000
            assert min(image.size) > 200


def test_a_network_of_another_kind_is_not_explained(
    small_store: Store, small_dataset: pa.Table
) -> None:
    pictures, _ = drawn(
        small_store, small_dataset, untrained_model(small_dataset, architecture="tiny")
    )
    assert GRAD_CAM not in pictures
    assert WORST_MISTAKES in pictures


def test_the_surest_mistakes_come_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.99, 0.01], [0.2, 0.8]])
    assert worst_first(np.array([0, 1, 1, 0]), probabilities).tolist() == [2, 3, 1]


def test_photos_that_are_got_right_are_shown_from_unsure_to_sure() -> None:
    sure = np.linspace(0.51, 0.99, 9)
    probabilities = np.stack([sure, 1 - sure], axis=1)
    labels = np.zeros(9, np.int64)
    labels[4] = 1
    assert spread(labels, probabilities, 3).tolist() == [0, 5, 8]


@pytest.mark.parametrize("classes", [ODD, [f"{name}{i}" for i in range(12) for name in ODD]])
def test_class_names_are_text_whatever_is_in_them(classes: list[str]) -> None:
    number = len(classes) * 4
    random = np.random.default_rng(0)
    labels = np.arange(number) % len(classes)
    rows = pa.table(
        {"sha256": [str(i) for i in range(number)], "label": [classes[i] for i in labels]}
    )
    logits = random.normal(0, 1, (number, len(classes)))
    metrics = measure(prediction_table(rows, classes, logits), classes)
    matrix = plots.confusion_matrix(metrics, classes)
    curves = plots.roc_and_precision_recall(metrics, classes, labels, logits)
    assert all(Image.open(io.BytesIO(data)).size for data in (matrix, curves))


def test_of_a_thousand_classes_the_matrix_shows_those_with_the_most_mistakes() -> None:
    confusion = np.eye(1000, dtype=int) * 10
    confusion[3, 700] = 5
    names = [f"class {i}" for i in range(1000)]
    metrics = tiny_models.metrics(confusion=confusion.tolist())
    picture = Image.open(io.BytesIO(plots.confusion_matrix(metrics, names)))
    assert max(picture.size) < 3000
    few = [0, 1, 3, 700]
    assert set(worst_classes(confusion)) > {3, 700}
    assert worst_classes(confusion[np.ix_(few, few)]) == [0, 1, 2, 3]


def test_a_long_or_invisible_name_is_one_short_line() -> None:
    assert plain("a\nb\u202ec") == "a?b?c"
    assert len(plain("x" * 300)) == 24
    assert re.search(r"(?<!\\)\$", plain("$1$")) is None
