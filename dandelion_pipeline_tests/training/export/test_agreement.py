import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.statistics.calibration import Floats, probabilities_at
from dandelion_pipeline.training.export.agreement import (
    TOLERANCE,
    distances,
    in_floats,
    in_integers,
)
from dandelion_pipeline.training.export.golden import golden_of
from dandelion_pipeline.training.inputs.loading import PreparedPhotos
from dandelion_pipeline_tests.data.tiny_models import SIZE


def logits(photos: int = 400, classes: int = 2, spread: float = 4.0) -> Floats:
    return np.random.default_rng(0).normal(0, spread, (photos, classes))


def with_changed_labels(given: Floats, photos: int) -> Floats:
    changed = given.copy()
    changed[:photos] = changed[:photos, ::-1]
    return changed


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_graph_that_differs_by_rounding_agrees(classes: int) -> None:
    given = logits(classes=classes)
    noise = np.random.default_rng(1).normal(0, 1e-5, given.shape)
    found = in_floats((given + noise).astype(np.float32), given)
    assert (found.photos, found.labels_equal, found.agrees) == (400, 1.0, True)


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("spread", [0.01, 4.0])
def test_a_wrong_graph_does_not_agree_however_small_the_probabilities_are(
    classes: int, spread: float
) -> None:
    given = logits(classes=classes, spread=spread)
    assert not in_floats(given[:, ::-1], given).agrees
    assert not in_floats(given * 1.5, given).agrees


@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_a_tie_of_two_probabilities_is_no_other_label(classes: int) -> None:
    given = logits(classes=classes)
    given[0] = -4.0
    given[0, :2] = 1.0, 1.0 + 1e-6
    ours = given.copy()
    ours[0, :2] = 1.0 + 1e-6, 1.0
    found = in_floats(ours, given)
    assert (found.labels_equal, found.agrees) == (1.0, True)


def test_one_photo_with_really_another_label_is_a_wrong_graph() -> None:
    given = logits()
    found = in_floats(with_changed_labels(given, 1), given)
    assert (found.labels_equal, found.agrees) == (1 - 1 / 400, False)


@given(
    st.lists(st.floats(-30, 30), min_size=4, max_size=4),
    st.lists(st.floats(-2e-4, 2e-4), min_size=4, max_size=4),
)
def test_no_rounding_of_logits_makes_a_graph_a_wrong_one(
    row: list[float], rounding: list[float]
) -> None:
    given = np.array([row])
    found = in_floats(given + np.array([rounding]), given)
    assert found.largest_distance is not None
    assert found.largest_distance <= TOLERANCE
    assert (found.labels_equal, found.agrees) == (1.0, True)


@pytest.mark.parametrize("judge", [in_floats, in_integers])
def test_a_graph_that_says_nothing_agrees_with_nobody(judge: type) -> None:
    found = judge(np.full((400, 2), np.nan), logits())
    assert (found.largest_difference, found.largest_distance, found.agrees) == (1.0, 1.0, False)


@pytest.mark.parametrize(
    ("photos", "changed", "agrees"),
    [(342, 1, True), (342, 3, True), (342, 6, False), (1000, 18, True), (1000, 25, False)],
)
def test_the_graph_in_integers_may_change_a_few_labels_of_many_photos(
    photos: int, changed: int, agrees: bool
) -> None:
    given = logits(photos, spread=0.05)
    found = in_integers(with_changed_labels(given, changed), given)
    assert found.labels_equal == 1 - changed / photos
    assert found.labels_interval is not None
    assert found.labels_interval[0] < found.labels_equal < found.labels_interval[1]
    assert found.agrees is agrees


@pytest.mark.parametrize("photos", [1, 2, 42])
def test_so_few_photos_do_not_show_that_labels_are_kept(photos: int) -> None:
    found = in_integers(logits(photos), logits(photos))
    assert (found.labels_equal, found.mean_distance, found.agrees) == (1.0, 0.0, False)


def test_equal_labels_are_not_enough_where_probabilities_move() -> None:
    given = logits()
    found = in_integers(given / 2, given)
    assert (found.labels_equal, found.agrees) == (1.0, False)
    assert found.mean_distance is not None
    assert found.p99_distance is not None
    assert found.largest_distance is not None
    assert 0.02 < found.mean_distance < found.p99_distance <= found.largest_distance < 0.5


def test_with_two_classes_the_distance_is_the_difference_of_a_probability() -> None:
    ours, theirs = probabilities_at(logits(), 1.0), probabilities_at(logits() / 2, 1.0)
    assert distances(ours, theirs) == pytest.approx(abs(ours - theirs).max(axis=1))


def test_golden_examples_are_of_every_class_however_rare_and_in_whatever_order() -> None:
    labels = np.array([0] * 30 + [1] * 3)
    pixels = np.arange(33, dtype=np.uint8)[:, None, None, None].repeat(SIZE, 1)
    answers = np.stack([np.arange(33), labels], axis=1).astype(np.float32)
    chosen = golden_of(PreparedPhotos(pixels, labels), answers, answers + 1)
    assert sorted(chosen.logits[:, 1]) == [0, 0, 0, 0, 0, 1, 1, 1]
    assert (chosen.pixels[:, 0, 0, 0] == chosen.logits[:, 0]).all()
    assert chosen.int8_logits is not None
    assert (chosen.int8_logits == chosen.logits + 1).all()
