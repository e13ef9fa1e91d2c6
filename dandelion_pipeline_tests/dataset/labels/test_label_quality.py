import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.dataset.labels.label_quality import (
    FEWEST_FOLDS,
    GROUPS_PER_FOLD,
    LabelCheck,
    check_labels,
    cross_validated,
)

CLASSES = ["daisy", "dandelion", "grass"]


def blobs(
    per_class: int, classes: int = 2, seed: int = 0
) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Points around one centre for each class, each of length 1 as features are."""
    rng = np.random.default_rng(seed)
    centres = 6 * np.eye(classes, 8)
    points = np.concatenate([centre + rng.normal(size=(per_class, 8)) for centre in centres])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), [c for c in CLASSES[:classes] for _ in range(per_class)]


def alone(labels: list[str]) -> list[str]:
    return [f"{number:04d}" for number in range(len(labels))]


def checked(
    points: npt.NDArray[np.float32], labels: list[str], groups: list[str] | None = None
) -> LabelCheck:
    result = check_labels(points, labels, groups or alone(labels))
    assert result is not None
    return result


@pytest.mark.parametrize("classes", [2, 3])
def test_planted_mistakes_come_out_at_the_bottom(classes: int) -> None:
    points, right = blobs(60, classes)
    planted = [3, 17, 44, 71, 100]
    labels = [CLASSES[(CLASSES.index(c) + 1) % classes] for c in right]
    labels = [labels[i] if i in planted else c for i, c in enumerate(right)]
    result = checked(points, labels)
    assert sorted(np.argsort(result.quality)[: len(planted)].tolist()) == planted
    assert np.flatnonzero(result.suspect).tolist() == planted
    assert result.suggested == right


def test_labels_that_are_right_are_not_suspected() -> None:
    points, labels = blobs(40)
    assert not checked(points, labels).suspect.any()


def test_photos_of_one_group_do_not_vouch_for_each_other() -> None:
    points, labels = blobs(40)
    copies = np.repeat(points[:1] + 20, 4, axis=0)  # far from all others, and labelled wrong
    copies[:, 0] += 1_000
    points = np.concatenate([points, copies])
    labels = [*labels, *["dandelion"] * 4]
    together = checked(points, labels, [*alone(labels)[:-4], *["copies"] * 4])
    apart = checked(points, labels)
    assert together.quality[-4:].max() < apart.quality[-4:].min()


def test_groups_may_have_two_labels() -> None:
    points, labels = blobs(20)
    groups = [f"{number % 20}" for number in range(40)]
    assert checked(points, labels, groups).quality.shape == (40,)


def test_there_are_fewer_folds_where_photos_are_few() -> None:
    fewest = FEWEST_FOLDS * GROUPS_PER_FOLD
    points, labels = blobs(fewest)
    assert check_labels(points, labels, alone(labels)) is not None
    assert check_labels(points[1:], labels[1:], alone(labels)[1:]) is None


def test_many_photos_of_few_groups_are_few() -> None:
    points, labels = blobs(50)
    assert check_labels(points, labels, [f"{number % 5}" for number in range(100)]) is None


def test_one_label_or_none_is_not_checked() -> None:
    points, labels = blobs(50)
    assert check_labels(points[:50], labels[:50], alone(labels)[:50]) is None
    assert check_labels(points[:0], [], []) is None


numbers = st.integers(0, 2**32 - 1)


@settings(max_examples=25)
@given(seed=numbers, per_class=st.integers(6, 20), classes=st.integers(2, 3), far=st.booleans())
def test_any_photos_get_the_same_qualities_from_0_to_1_again(
    seed: int, per_class: int, classes: int, far: bool
) -> None:
    points, right = blobs(per_class, classes, seed)
    rng = np.random.default_rng(seed)
    labels = right if far else rng.permutation(right).tolist()
    groups = [f"{number}" for number in rng.integers(0, 5 * len(labels), len(labels))]
    result, again = (check_labels(points, labels, groups) for _ in range(2))
    if result is None or again is None:
        assert result is again
        return
    assert ((result.quality >= 0) & (result.quality <= 1)).all()
    assert result.quality.dtype == np.float32
    assert set(result.suggested) <= set(labels)
    given_labels, suggested = np.array(labels), np.array(result.suggested)
    assert (given_labels[result.suspect] != suggested[result.suspect]).all()
    assert result.quality.tolist() == again.quality.tolist()
    assert result.suspect.tolist() == again.suspect.tolist()


@settings(max_examples=10)
@given(numbers)
def test_the_order_of_the_photos_does_not_matter(seed: int) -> None:
    points, labels = blobs(15, seed=seed)
    groups = [f"{number // 2}" for number in range(30)]
    _, classes = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(seed).permutation(30)
    moved = cross_validated(points[order], classes[order], [groups[i] for i in order], 3)
    expected = cross_validated(points, classes, groups, 3)
    assert moved == pytest.approx(expected[order], abs=1e-3)
