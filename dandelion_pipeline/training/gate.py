"""The gate: whether a challenger may take the champion's place.

Pure decisions on figures. Where the figures come from is `judge`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.release.manifest import Agreement

NOT_WORSE = "not_worse_than_the_live_model"
RECOGNISED = "each_class_is_recognised"
CALIBRATED = "calibrated"
INT8_AGREES = "int8_agrees_with_torch"
NOT_SAMPLE = "not_trained_on_the_sample"
GATE_CHECKS = (NOT_WORSE, RECOGNISED, CALIBRATED, INT8_AGREES, NOT_SAMPLE)


class GateLimits(BaseModel):
    """What a challenger has to keep to go live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    significance: float = Field(default=0.05, gt=0, lt=1)
    """If luck alone gives so many losses less often than this, the challenger is worse."""

    max_accuracy_loss: float = Field(default=0.04, ge=0, le=1)
    """How much lower than the champion's the accuracy may be, on the same photos. One photo may
    always be lost: with fewer than 25, it would be more than this."""

    min_recall: float = Field(default=0.5, ge=0, le=1)
    """Share of each class's test photos that must be recognised."""

    max_recall_loss: float = Field(default=0.1, ge=0, le=1)
    """How much lower than the champion's the recall of any class may be."""

    max_calibration_error: float = Field(default=0.1, ge=0, le=1)
    """Expected calibration error on the test split, where luck does not explain a larger one."""

    fewest_photos: int = Field(default=20, ge=1)
    """So many photos of a class, and so many in all, tell something of recall, of calibration
    and of 8-bit integers; fewer pass."""


@dataclass(frozen=True)
class Recall:
    """Test photos of a class, and how many of them are recognised."""

    right: int
    photos: int


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error on the test split."""

    value: float
    by_chance: float
    """What probabilities that are true exceed in one test of twenty, on so few photos."""


@dataclass(frozen=True)
class Challenger:
    """What is known of the model that wants to go live."""

    is_sample: bool
    recalls: Mapping[str, Recall]
    calibration: CalibrationError | None
    int8: Agreement | None


@dataclass(frozen=True)
class Pairs:
    """Both models on the same photos, those left out that the champion was trained on."""

    photos: int
    lost: int
    """Photos that the champion gets right and the challenger wrong."""

    gained: int
    recall_losses: Mapping[str, tuple[int, int]]
    """By class: photos that the champion recognises more, and photos in all."""


@dataclass(frozen=True)
class Opponent:
    """What is known of the live model."""

    version: str
    is_sample: bool | None
    """None if it is damaged, so that nobody knows."""

    damage: str = ""
    """Why it cannot be asked; empty if it can."""

    pairs: Pairs | None = None
    """None if it was not asked: it is damaged, or knows other classes."""

    remark: str = ""
    """What else is to be known about the comparison."""


def decide(
    challenger: Challenger, champion: Opponent | None, limits: GateLimits
) -> list[Criterion]:
    """Judge a challenger.

    Args:
        challenger: what is known of it.
        champion: what is known of the live model; None if there is none.
        limits: the bounds.

    Returns:
        At least one criterion for each of `GATE_CHECKS`, in that order. The challenger may go
        live if all passed.
    """
    pairs = champion.pairs if champion else None
    return [
        *_not_worse(challenger, champion, limits),
        _recognised(challenger.recalls, limits),
        *([_recall_kept(pairs, limits)] if pairs else []),
        _calibrated(challenger, limits),
        _int8_agrees(challenger.int8, limits),
        _not_sample(challenger, champion),
    ]


def probability_of_loss(lost: int, gained: int) -> float:
    """One-sided exact McNemar test: the chance of at least this many losses by luck alone.

    Source: McNemar, Psychometrika 12 (1947), with the binomial in place of the chi-square.
    """
    trials = lost + gained
    ways = sum(comb(trials, k) for k in range(lost, trials + 1))
    return float(ways / 2**trials)


def accuracy_criteria(
    lost: int, gained: int, photos: int, limits: GateLimits, remark: str = ""
) -> list[Criterion]:
    """Whether the challenger is not worse, by a test and by a bound (docs/adr/0027).

    Args:
        lost: photos that the champion gets right and the challenger wrong.
        gained: the other way round.
        photos: that both answered; one at least.
        limits: the bounds.
        remark: what else is to be said about the comparison.
    """
    chance = probability_of_loss(lost, gained)
    worse = "worse" if chance < limits.significance else "not worse"
    says = (
        f"it is {worse} than the live model: {lost} photos lost, {gained} gained, "
        f"p = {chance:.2g}" + (f" ({remark})" if remark else "")
    )
    loss = (lost - gained) / photos
    lower = f"{abs(loss):.1%} {'lower' if loss > 0 else 'higher'}" if loss else "the same"
    return [
        _at_least(NOT_WORSE, chance, limits.significance, says),
        _at_most(
            NOT_WORSE,
            loss,
            max(limits.max_accuracy_loss, 1 / photos),
            f"its accuracy is {lower} on {photos} photos that neither was trained on",
        ),
    ]


def changed_answers(challenger: pa.Table, champion: pa.Table) -> tuple[int, int]:
    """Photos lost and gained by the challenger; both tables list the same photos in one order."""
    lost = gained = 0
    for ours, theirs in zip(challenger.to_pylist(), champion.to_pylist(), strict=True):
        was_right = theirs["predicted"] == theirs["label"]
        is_right = ours["predicted"] == ours["label"]
        lost += was_right and not is_right
        gained += is_right and not was_right
    return lost, gained


def _not_worse(
    challenger: Challenger, champion: Opponent | None, limits: GateLimits
) -> list[Criterion]:
    if champion is None:
        return [_without_figures(NOT_WORSE, "no model was live")]
    live = f"the live model {champion.version}"
    if champion.damage:
        says = (
            f"{live} cannot be compared: {champion.damage} "
            "(roll back to a whole model, restore the file, or force this one)"
        )
        return [_without_figures(NOT_WORSE, says, passed=False)]
    if champion.is_sample and not challenger.is_sample:
        return [_without_figures(NOT_WORSE, f"{live} was trained on the sample")]
    if champion.pairs is None:
        return [_without_figures(NOT_WORSE, f"{live} knows other classes")]
    if champion.pairs.photos == 0:
        says = f"{live} cannot be compared: {champion.remark}"
        return [_without_figures(NOT_WORSE, says, passed=False)]
    pairs = champion.pairs
    return accuracy_criteria(pairs.lost, pairs.gained, pairs.photos, limits, champion.remark)


def _recognised(recalls: Mapping[str, Recall], limits: GateLimits) -> Criterion:
    shares = {
        label: recall.right / recall.photos
        for label, recall in recalls.items()
        if recall.photos >= limits.fewest_photos
    }
    if not shares:
        return _too_few(RECOGNISED, "test photos of any class", limits)
    worst = min(shares, key=lambda label: shares[label])
    says = f"{recalls[worst].right} of {recalls[worst].photos} {worst!r} are recognised"
    return _at_least(RECOGNISED, shares[worst], limits.min_recall, says)


def _recall_kept(pairs: Pairs, limits: GateLimits) -> Criterion:
    losses = {
        label: lost / photos
        for label, (lost, photos) in pairs.recall_losses.items()
        if photos >= limits.fewest_photos
    }
    if not losses:
        return _too_few(RECOGNISED, "photos of any class to compare", limits)
    worst = max(losses, key=lambda label: losses[label])
    lost, photos = pairs.recall_losses[worst]
    than = f"{abs(lost)} {'fewer' if lost >= 0 else 'more'} than by the live model"
    says = f"of {photos} {worst!r}, {than} are recognised"
    return _at_most(RECOGNISED, losses[worst], limits.max_recall_loss, says)


def _calibrated(challenger: Challenger, limits: GateLimits) -> Criterion:
    photos = sum(recall.photos for recall in challenger.recalls.values())
    found = challenger.calibration
    if found is None:
        return _without_figures(CALIBRATED, "it was not measured")
    if photos < limits.fewest_photos:
        return _too_few(CALIBRATED, "test photos", limits)
    says = (
        f"its probabilities are off by {found.value:.3f} on average; "
        f"on {photos} photos, luck explains up to {found.by_chance:.3f}"
    )
    bound = max(limits.max_calibration_error, found.by_chance)
    return _at_most(CALIBRATED, found.value, bound, says)


def _int8_agrees(int8: Agreement | None, limits: GateLimits) -> Criterion:
    if int8 is None:
        return _without_figures(INT8_AGREES, "it has no graph in 8-bit integers to be served")
    if int8.photos < limits.fewest_photos:
        return _too_few(INT8_AGREES, "validation photos", limits)
    says = (
        f"in 8-bit integers it gives {int8.labels_equal:.1%} of {int8.photos} validation photos "
        f"the label of the network in torch; probabilities differ by up to "
        f"{int8.largest_difference:.3f}"
    )
    return Criterion(
        check=INT8_AGREES,
        says=says,
        passed=int8.agrees,
        value=int8.labels_equal,
        bound=int8.labels_wanted,
    )


def _not_sample(challenger: Challenger, champion: Opponent | None) -> Criterion:
    if not challenger.is_sample:
        return _without_figures(NOT_SAMPLE, "it was trained on real photos")
    if champion is None or champion.is_sample:
        return _without_figures(NOT_SAMPLE, "it was trained on the sample, and replaces no other")
    says = "a model trained on the sample never replaces one of real photos"
    return _without_figures(NOT_SAMPLE, says, passed=False)


def _at_least(check: str, value: float, bound: float, says: str) -> Criterion:
    return Criterion(check=check, says=says, passed=value >= bound, value=value, bound=bound)


def _at_most(check: str, value: float, bound: float, says: str) -> Criterion:
    return Criterion(check=check, says=says, passed=value <= bound, value=value, bound=bound)


def _too_few(check: str, what: str, limits: GateLimits) -> Criterion:
    return _without_figures(check, f"fewer than {limits.fewest_photos} {what}: too few to tell")


def _without_figures(check: str, says: str, *, passed: bool = True) -> Criterion:
    return Criterion(check=check, says=says, passed=passed)
