"""The gate's truth table: who may take whose place."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.training.gate_power import below_the_best, miscalibrated, refused
from dandelion_pipeline.gate.contest import CalibrationError, Changes, Pairs, Recall
from dandelion_pipeline.gate.gate import (
    CALIBRATED,
    GATE_CHECKS,
    NOT_SAMPLE,
    NOT_WORSE,
    RECOGNISED,
    USEFUL,
    Challenger,
    Champion,
    decide,
    surely_better,
)
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.decision import Criterion

LIMITS = GateLimits()
GOOD = Challenger(
    is_sample=False,
    recalls={"dandelion": Recall(33, 36, 36), "grass": Recall(35, 38, 38)},
    calibration=CalibrationError(0.05, 0.11),
)
SAMPLE = replace(GOOD, is_sample=True)
MISSING = None
BROKEN = Champion("v1", is_sample=None, damage="file model.onnx: it is missing")
OTHER_CLASSES = Champion("v1", is_sample=False)


def real(
    lost: int, gained: int, photos: int = 74, grass: tuple[int, int] | None = None
) -> Champion:
    """Photos lost and gained: of grass as given, and else shared by both classes."""
    of_grass = Changes(*(grass or (lost // 2, gained // 2)), photos // 2)
    rest = Changes(lost - of_grass.lost, gained - of_grass.gained, photos - photos // 2)
    classes = {"dandelion": rest, "grass": of_grass}
    return Champion("v1", is_sample=False, pairs=Pairs(Changes(lost, gained, photos), classes))


def off_by(error: float) -> Champion:
    return replace(real(0, 0), calibration=CalibrationError(error, 0.1))


def answers(**classes: tuple[int, int, int]) -> Challenger:
    """Of each class: photos that are right, photos, and how often it is named."""
    return replace(GOOD, recalls={label: Recall(*counts) for label, counts in classes.items()})


def toy(lost: int, gained: int) -> Champion:
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
            {NOT_WORSE},
            NOT_WORSE,
            "is worse than the live model: 9 photos lost, 1",
            id="worse",
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
            real(9, 9, grass=(9, 0)),
            {RECOGNISED},
            RECOGNISED,
            "of 37 'grass', 9 fewer than by the live model",
            id="worse on one class only",
        ),
        pytest.param(
            GOOD,
            real(12, 12, photos=400, grass=(12, 0)),
            set(),
            RECOGNISED,
            "of 200 'grass', 12 fewer",
            id="surely worse on one class, and by little",
        ),
        pytest.param(
            answers(dandelion=(36, 36, 71), grass=(3, 38, 3)),
            real(0, 0),
            {USEFUL},
            USEFUL,
            "39 of 74 test photos are right, and guessing gives 36.1: it is no better",
            id="no better than a guess",
        ),
        pytest.param(GOOD, MISSING, set(), NOT_WORSE, "no model was live", id="champion missing"),
        pytest.param(
            answers(dandelion=(36, 36, 74), grass=(0, 38, 0)),
            MISSING,
            {USEFUL},
            USEFUL,
            "no better than guessing",
            id="champion missing, always the same answer",
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
            replace(real(0, 0, photos=0), remark="without 74 photos"),
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
        pytest.param(SAMPLE, toy(9, 0), {NOT_WORSE}, NOT_WORSE, "worse", id="worse sample"),
        pytest.param(
            GOOD, toy(9, 0), set(), NOT_WORSE, "was trained on the sample", id="real, sample"
        ),
        pytest.param(
            replace(GOOD, calibration=CalibrationError(0.3, 0.12)),
            off_by(0.05),
            {CALIBRATED},
            CALIBRATED,
            "off by 0.300 on average",
            id="too sure of itself",
        ),
        pytest.param(
            replace(GOOD, calibration=CalibrationError(0.16, 0.12)),
            off_by(0.05),
            set(),
            CALIBRATED,
            "luck explains up to 0.120",
            id="no surer than luck explains",
        ),
        pytest.param(
            replace(GOOD, calibration=CalibrationError(0.3, 0.12)),
            off_by(0.29),
            set(),
            CALIBRATED,
            "the live model's are off by 0.290",
            id="as sure of itself as the live model",
        ),
    ],
)
def test_the_gate_decides_and_says_why(
    challenger: Challenger, champion: Champion | None, against: set[str], check: str, words: str
) -> None:
    criteria = decide(challenger, champion, LIMITS)
    assert list(dict.fromkeys(criterion.check for criterion in criteria)) == list(GATE_CHECKS)
    assert failed(criteria) == against
    assert words in says(criteria, check)


def warned(criteria: list[Criterion]) -> set[str]:
    return {criterion.check for criterion in criteria if criterion.warning}


@pytest.mark.parametrize(
    ("first", "against", "warns"),
    [
        pytest.param(answers(a=(2, 2, 2), b=(2, 2, 2)), set(), {USEFUL}, id="all of 4"),
        pytest.param(answers(a=(2, 2, 3), b=(1, 2, 1)), set(), {USEFUL}, id="3 of 4"),
        pytest.param(answers(a=(0, 2, 2), b=(0, 2, 2)), {USEFUL}, set(), id="none of 4"),
        pytest.param(
            answers(a=(2, 5, 5), b=(2, 5, 5), c=(2, 5, 5)), {USEFUL}, set(), id="40 % of three"
        ),
        pytest.param(
            answers(a=(4, 5, 5), b=(4, 5, 5), c=(4, 5, 5)), set(), set(), id="80 % of three"
        ),
        pytest.param(
            answers(a=(190, 190, 196), b=(0, 6, 0)), {USEFUL}, {RECOGNISED}, id="one answer only"
        ),
        pytest.param(
            answers(a=(180, 190, 181), b=(5, 6, 15)), set(), {USEFUL}, id="rare ones found"
        ),
        pytest.param(
            answers(**{f"c{i}": (2, 10, 10) for i in range(1000)}), set(), set(), id="1000 classes"
        ),
        pytest.param(
            answers(a=(30, 30, 30), b=(30, 30, 60), c=(0, 30, 0)),
            set(),
            {RECOGNISED},
            id="one class unknown",
        ),
    ],
)
def test_a_first_model_has_to_beat_guessing_and_few_photos_only_warn(
    first: Challenger, against: set[str], warns: set[str]
) -> None:
    criteria = decide(replace(first, calibration=None), None, LIMITS)
    assert (failed(criteria), warned(criteria)) == (against, warns)


def test_an_accurate_first_model_with_wrong_probabilities_goes_live_with_a_warning() -> None:
    criteria = decide(replace(GOOD, calibration=CalibrationError(0.3, 0.12)), None, LIMITS)
    assert (failed(criteria), warned(criteria)) == (set(), {CALIBRATED})


def test_a_loss_that_luck_explains_is_a_warning_if_it_is_large() -> None:
    assert warned(decide(GOOD, real(5, 1), LIMITS)) == {NOT_WORSE}
    assert warned(decide(GOOD, real(3, 1), LIMITS)) == set()


def test_small_classes_are_compared_together() -> None:
    rare = {f"rare {i}": Changes(1, 0, 5) for i in range(12)}
    classes = {"common": Changes(0, 12, 900), **rare}
    champion = Champion("v1", False, pairs=Pairs(Changes(12, 12, 960), classes))
    criteria = decide(GOOD, champion, LIMITS)
    assert failed(criteria) == {RECOGNISED}
    assert "of 60 photos of 12 small classes, 12 fewer" in says(criteria, RECOGNISED)


def test_a_challenger_is_measured_by_the_best_model_so_far_as_well() -> None:
    best = replace(real(12, 1), version="v0")
    criteria = decide(GOOD, real(2, 1), LIMITS, best)
    assert failed(criteria) == {NOT_WORSE}
    assert "worse than the best model so far, v0: 12 photos lost" in says(criteria, NOT_WORSE)
    assert failed(decide(GOOD, real(2, 1), LIMITS, replace(best, is_sample=True))) == set()
    assert failed(decide(GOOD, real(2, 1), LIMITS, replace(best, pairs=None))) == set()


def test_looser_limits_let_a_worse_model_pass() -> None:
    assert failed(decide(GOOD, real(9, 1), GateLimits(significance=0.001))) == set()


def test_a_remark_about_the_comparison_is_part_of_the_reason() -> None:
    champion = replace(real(0, 0), remark="without 3 photos that the live model was trained on")
    assert "without 3 photos" in says(decide(GOOD, champion, LIMITS), NOT_WORSE)


@given(st.integers(0, 37), st.integers(0, 37))
def test_a_challenger_that_loses_more_never_passes_where_one_that_loses_less_did_not(
    lost: int, gained: int
) -> None:
    if failed(decide(GOOD, real(lost, gained, photos=148), LIMITS)):
        assert failed(decide(GOOD, real(lost + 1, gained, photos=148), LIMITS))


@given(st.integers(0, 60), st.integers(0, 60))
def test_no_model_is_surely_better_and_surely_worse(lost: int, gained: int) -> None:
    better = surely_better(Changes(lost, gained, 200))
    assert not (better and surely_better(Changes(gained, lost, 200)))


@pytest.mark.parametrize(
    ("shape", "draws"), [((2, 38), 400), ((10, 40), 300), ((100, 25), 100), ((1000, 10), 20)]
)
def test_equally_good_challengers_are_seldom_refused(shape: tuple[int, int], draws: int) -> None:
    most = 0.06 + 2 * (0.06 * 0.94 / draws) ** 0.5
    assert refused(*shape, 0.0, draws, with_best=True) <= most


def test_five_points_worse_is_refused_from_300_photos_on_and_honest_probabilities_are_not() -> None:
    assert refused(2, 150, 0.05, 200, with_best=True) >= 0.8
    assert miscalibrated(76, 2, 50) == 0


def test_twenty_slightly_worse_weeks_end_near_the_best() -> None:
    lost = {by: below_the_best(500, 10, anchored=by) for by in (False, True)}
    assert lost[False].max() > 0.06
    assert lost[True].max() <= 0.05
