"""Exact tests of counts, and the level at which many of them are asked."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.statistics.exact_tests import (
    corrected_level,
    probabilities_of_loss,
    probability_of_loss,
)


def test_the_exact_test_gives_the_binomial_tail() -> None:
    assert probability_of_loss(9, 1) == pytest.approx((comb(10, 9) + 1) / 2**10)


def test_many_thousand_pairs_cost_nothing() -> None:
    assert probability_of_loss(8_200, 7_800) == pytest.approx(0.0008, abs=1e-4)


@given(st.integers(0, 40), st.integers(0, 40))
def test_each_further_loss_makes_luck_less_likely(lost: int, gained: int) -> None:
    chance = probability_of_loss(lost, gained)
    assert 0 < chance <= 1
    assert probability_of_loss(lost + 1, gained) <= chance


@given(st.lists(st.integers(0, 60), min_size=1, max_size=300), st.floats(0.001, 0.2))
def test_the_corrected_level_keeps_the_chance_of_any_false_refusal(
    changed: list[int], level: float
) -> None:
    each = corrected_level(np.array(changed), level)
    assert level / len(changed) <= each <= level
    sizes = [attained(photos, each) for photos in changed]
    assert sum(sizes) <= level * (1 + 1e-9)


def attained(changed: int, level: float) -> float:
    """The largest chance under `level` that the exact test of so many photos can have."""
    lost = np.arange(changed + 1)
    chances = probabilities_of_loss(lost, changed - lost)
    return float(max((chance for chance in chances if chance < level), default=0.0))
