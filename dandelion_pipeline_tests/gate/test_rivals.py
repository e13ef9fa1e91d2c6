"""Two models of different kinds that learnt from the same photos."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.evaluation.champion import OnValidation
from dandelion_pipeline.gate.gate import NOT_WORSE, decide
from dandelion_pipeline_tests.gate.test_gate import GOOD, LIMITS, failed, real


@given(
    st.integers(0, 40), st.integers(0, 40), st.floats(0, 5), st.floats(0, 5), st.integers(80, 90)
)
def test_of_two_kinds_at_most_one_is_better_on_validation(
    lost: int, gained: int, loss: float, other: float, photos: int
) -> None:
    found = OnValidation(
        photos=photos, lost=lost, gained=gained, log_loss=loss, other_log_loss=other
    )
    turned = OnValidation(
        photos=photos, lost=gained, gained=lost, log_loss=other, other_log_loss=loss
    )
    assert not (found.is_better and turned.is_better)
    rival = replace(real(0, 0), on_validation=found)
    refused = {NOT_WORSE} if not found.is_better else set()
    assert failed(decide(GOOD, rival, LIMITS)) == refused
