import numpy as np
import pytest

from dandelion_pipeline.dataset.copies import proposals as module
from dandelion_pipeline.dataset.copies.proposals import FEWEST, proposals


def unit(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found.astype(np.float16)


@pytest.fixture
def some() -> np.ndarray:
    """Three directions, and beside each of them another one."""
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((3, 64))
    return unit(np.concatenate([whole, whole + 0.3 * rng.standard_normal((3, 64))]))


def test_each_pair_of_like_photos_is_proposed_once(some: np.ndarray) -> None:
    first, second = proposals(some, np.arange(6))
    assert list(zip(first, second, strict=True)) == [(0, 3), (1, 4), (2, 5)]


def test_only_pairs_of_the_photos_that_are_new_are_proposed(some: np.ndarray) -> None:
    first, second = proposals(some, np.array([4]))
    assert list(zip(first, second, strict=True)) == [(1, 4)]


def test_nothing_is_proposed_for_nobody_and_among_one(some: np.ndarray) -> None:
    assert len(proposals(some, np.array([], np.intp))[0]) == 0
    assert len(proposals(some[:1], np.array([0]))[0]) == 0


def test_pairs_do_not_depend_on_the_blocks(
    some: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = proposals(some, np.arange(6))
    monkeypatch.setattr(module, "_SEEKERS", 2)
    monkeypatch.setattr(module, "_OTHERS", 2)
    assert np.array_equal(proposals(some, np.arange(6)), whole)


def test_the_pairs_of_a_photo_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    alike = unit(1 + 0.1 * rng.standard_normal((120, 16)))
    assert len(proposals(alike, np.array([0]))[0]) == module.MOST
    monkeypatch.setattr(module, "_PAIRS", 0)
    first, second = proposals(alike, np.array([0]))
    assert len(first) == FEWEST
    cosines = (alike @ alike[0].astype(np.float32))[second]
    rest = np.delete(alike @ alike[0].astype(np.float32), [0, *second])
    assert cosines.min() >= rest.max()
