"""The gate's truth table: who may take whose place."""

from dataclasses import replace
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.release.manifest import Agreement
from dandelion_pipeline.training.gate import (
    CALIBRATED,
    GATE_CHECKS,
    INT8_AGREES,
    NOT_SAMPLE,
    NOT_WORSE,
    RECOGNISED,
    CalibrationError,
    Challenger,
    GateLimits,
    Opponent,
    Pairs,
    Recall,
    decide,
    probability_of_loss,
)

LIMITS = GateLimits()
AGREES = Agreement(
    photos=40, labels_equal=1.0, labels_wanted=0.99, largest_difference=0.01, agrees=True
)
GOOD = Challenger(
    is_sample=False,
    recalls={"dandelion": Recall(33, 36), "grass": Recall(35, 38)},
    calibration=CalibrationError(0.05, 0.11),
    int8=AGREES,
)
SAMPLE = replace(GOOD, is_sample=True)
MISSING = None
BROKEN = Opponent("v1", is_sample=None, damage="file model.onnx: it is missing")
OTHER_CLASSES = Opponent("v1", is_sample=False)


def pairs(lost: int, gained: int, of_grass: int | None = None, photos: int = 74) -> Pairs:
    """Photos lost and gained; the net losses are those of one class, or shared by both."""
    net = lost - gained
    grass = net // 2 if of_grass is None else of_grass
    half = photos // 2
    return Pairs(
        photos, lost, gained, {"dandelion": (net - grass, half), "grass": (grass, photos - half)}
    )


def real(lost: int, gained: int, of_grass: int | None = None, photos: int = 74) -> Opponent:
    return Opponent("v1", is_sample=False, pairs=pairs(lost, gained, of_grass, photos))


def toy(lost: int, gained: int) -> Opponent:
    return replace(real(lost, gained), is_sample=True)


def failed(criteria: list[Criterion]) -> set[str]:
    return {criterion.check for criterion in criteria if not criterion.passed}


def says(criteria: list[Criterion], check: str) -> str:
    return "; ".join(criterion.says for criterion in criteria if criterion.check == check)


@pytest.mark.parametrize(
    ("challenger", "champion", "against", "check", "words"),
    [
        pytest.param(GOOD, real(0, 5), set(), NOT_WORSE, "higher on 74 photos", id="better"),
        pytest.param(GOOD, real(0, 0), set(), NOT_WORSE, "is not worse than", id="equal"),
        pytest.param(GOOD, real(3, 2), set(), NOT_WORSE, "3 photos lost, 2 gained", id="luck"),
        pytest.param(
            GOOD,
            real(9, 1),
            {NOT_WORSE, RECOGNISED},
            NOT_WORSE,
            "is worse than the live model: 9 photos lost, 1",
            id="worse",
        ),
        pytest.param(
            GOOD, real(8, 4, 2), {NOT_WORSE}, NOT_WORSE, "5.4% lower on 74", id="worse, by points"
        ),
        pytest.param(
            GOOD,
            real(40, 20, photos=1000),
            {NOT_WORSE},
            NOT_WORSE,
            "p = 0.0067",
            id="worse by little on many photos",
        ),
        pytest.param(
            GOOD,
            real(5, 5, of_grass=5),
            {RECOGNISED},
            RECOGNISED,
            "of 37 'grass', 5 fewer than by the live model",
            id="worse on one class only",
        ),
        pytest.param(
            replace(GOOD, recalls={"dandelion": Recall(36, 36), "grass": Recall(18, 38)}),
            real(0, 0),
            {RECOGNISED},
            RECOGNISED,
            "18 of 38 'grass' are recognised",
            id="no better than a guess on one class",
        ),
        pytest.param(GOOD, MISSING, set(), NOT_WORSE, "no model was live", id="champion missing"),
        pytest.param(
            replace(GOOD, recalls={"dandelion": Recall(36, 36), "grass": Recall(3, 38)}),
            MISSING,
            {RECOGNISED},
            RECOGNISED,
            "3 of 38 'grass'",
            id="champion missing, hopeless challenger",
        ),
        pytest.param(
            GOOD, BROKEN, {NOT_WORSE}, NOT_WORSE, "model.onnx: it is missing", id="champion broken"
        ),
        pytest.param(
            SAMPLE,
            BROKEN,
            {NOT_WORSE, NOT_SAMPLE},
            NOT_SAMPLE,
            "never replaces",
            id="sample, champion broken",
        ),
        pytest.param(
            GOOD, OTHER_CLASSES, set(), NOT_WORSE, "knows other classes", id="other classes"
        ),
        pytest.param(
            GOOD,
            replace(real(0, 0), pairs=Pairs(0, 0, 0, {}), remark="without 74 photos"),
            {NOT_WORSE},
            NOT_WORSE,
            "cannot be compared: without 74 photos",
            id="champion was trained on every test photo",
        ),
        pytest.param(SAMPLE, MISSING, set(), NOT_SAMPLE, "replaces no other", id="sample alone"),
        pytest.param(
            SAMPLE, real(0, 9), {NOT_SAMPLE}, NOT_SAMPLE, "never replaces", id="sample, real"
        ),
        pytest.param(SAMPLE, toy(0, 0), set(), NOT_WORSE, "not worse", id="sample, sample"),
        pytest.param(
            SAMPLE, toy(9, 0), {NOT_WORSE, RECOGNISED}, NOT_WORSE, "worse", id="worse sample"
        ),
        pytest.param(
            GOOD, toy(3, 0), set(), NOT_WORSE, "was trained on the sample", id="real, sample"
        ),
        pytest.param(
            replace(GOOD, calibration=CalibrationError(0.16, 0.12)),
            real(0, 0),
            {CALIBRATED},
            CALIBRATED,
            "off by 0.160 on average",
            id="too sure of itself",
        ),
        pytest.param(
            replace(GOOD, calibration=CalibrationError(0.16, 0.17)),
            real(0, 0),
            set(),
            CALIBRATED,
            "luck explains up to 0.170",
            id="no surer than luck explains",
        ),
        pytest.param(
            replace(GOOD, int8=AGREES.model_copy(update={"labels_equal": 0.9, "agrees": False})),
            real(0, 0),
            {INT8_AGREES},
            INT8_AGREES,
            "90.0% of 40",
            id="other labels in 8 bits",
        ),
        pytest.param(
            replace(GOOD, int8=None), real(0, 0), set(), INT8_AGREES, "no graph", id="no 8 bits"
        ),
    ],
)
def test_the_gate_decides_and_says_why(
    challenger: Challenger, champion: Opponent | None, against: set[str], check: str, words: str
) -> None:
    criteria = decide(challenger, champion, LIMITS)
    assert list(dict.fromkeys(criterion.check for criterion in criteria)) == list(GATE_CHECKS)
    assert failed(criteria) == against
    assert words in says(criteria, check)


def test_few_photos_stop_no_model_that_loses_none_or_one() -> None:
    few = replace(
        GOOD,
        recalls={"dandelion": Recall(0, 4), "grass": Recall(4, 4)},
        calibration=CalibrationError(0.5, 0.4),
        int8=AGREES.model_copy(update={"photos": 4, "agrees": False}),
    )
    assert failed(decide(few, real(1, 0, photos=8), LIMITS)) == set()
    assert failed(decide(few, real(2, 0, photos=8), LIMITS)) == {NOT_WORSE}


def test_looser_limits_let_a_worse_model_pass() -> None:
    loose = GateLimits(significance=0.001, max_accuracy_loss=0.2, max_recall_loss=0.3)
    assert failed(decide(GOOD, real(9, 1), loose)) == set()


def test_a_remark_about_the_comparison_is_part_of_the_reason() -> None:
    champion = replace(real(0, 0), remark="without 3 photos that the live model was trained on")
    assert "without 3 photos" in says(decide(GOOD, champion, LIMITS), NOT_WORSE)


def test_the_exact_test_gives_the_binomial_tail() -> None:
    assert probability_of_loss(9, 1) == pytest.approx((comb(10, 9) + 1) / 2**10)


@given(st.integers(0, 40), st.integers(0, 40))
def test_each_further_loss_makes_luck_less_likely(lost: int, gained: int) -> None:
    chance = probability_of_loss(lost, gained)
    assert 0 < chance <= 1
    assert probability_of_loss(lost + 1, gained) <= chance


@given(st.integers(0, 37), st.integers(0, 37))
def test_a_challenger_that_loses_more_never_passes_where_one_that_loses_less_did_not(
    lost: int, gained: int
) -> None:
    if failed(decide(GOOD, real(lost, gained), LIMITS)):
        assert failed(decide(GOOD, real(lost + 1, gained), LIMITS))
