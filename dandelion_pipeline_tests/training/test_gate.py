from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.training.gate import decide, probability_of_loss

SAMPLE, REAL, NONE = True, False, None


@pytest.mark.parametrize(
    ("challenger", "champion", "comparable", "lost", "gained", "promoted", "reason"),
    [
        (REAL, NONE, False, 0, 0, True, "no model was live"),
        (SAMPLE, NONE, False, 0, 0, True, "no model was live"),
        (SAMPLE, REAL, True, 0, 9, False, "never replaces"),
        (REAL, SAMPLE, True, 9, 0, True, "trained on the sample"),
        (SAMPLE, SAMPLE, True, 0, 0, True, "not worse"),
        (REAL, REAL, True, 0, 5, True, "not worse"),
        (REAL, REAL, True, 3, 2, True, "not worse"),
        (REAL, REAL, True, 9, 1, False, "9 photos lost, 1 gained"),
        (REAL, REAL, False, 0, 0, True, "other classes"),
    ],
)
def test_the_gate_decides_and_says_why(
    challenger: bool,
    champion: bool | None,
    comparable: bool,
    lost: int,
    gained: int,
    promoted: bool,
    reason: str,
) -> None:
    decision = decide(
        challenger_is_sample=challenger,
        champion_is_sample=champion,
        comparable=comparable,
        lost=lost,
        gained=gained,
    )
    assert decision.promote is promoted
    assert reason in decision.reason


def test_the_exact_test_gives_the_binomial_tail() -> None:
    assert probability_of_loss(9, 1) == pytest.approx((comb(10, 9) + 1) / 2**10)


@given(st.integers(0, 40), st.integers(0, 40))
def test_each_further_loss_makes_luck_less_likely(lost: int, gained: int) -> None:
    chance = probability_of_loss(lost, gained)
    assert 0 < chance <= 1
    assert probability_of_loss(lost + 1, gained) <= chance
