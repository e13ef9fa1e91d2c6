"""The gate: whether a challenger may take the champion's place.

Pure decisions on figures, which come from `comparison`. What is surely wrong
stops a model; what may be luck is a warning (docs/adr/0042).
"""

from dandelion_pipeline.gate.contest import Challenger, Champion, Changes
from dandelion_pipeline.gate.criteria import (
    CALIBRATED,
    NOT_SAMPLE,
    NOT_WORSE,
    RECOGNISED,
    USEFUL,
    better_on_validation,
    calibrated,
    not_sample,
    not_worse,
    recalls_kept,
    recognised,
    useful,
    without_figures,
)
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.statistics.exact_tests import probability_of_loss

__all__ = [
    "CALIBRATED",
    "GATE_CHECKS",
    "GATE_DESCRIPTIONS",
    "NOT_SAMPLE",
    "NOT_WORSE",
    "RECOGNISED",
    "USEFUL",
    "Challenger",
    "Champion",
    "decide",
    "surely_better",
]

GATE_CHECKS = (NOT_WORSE, USEFUL, RECOGNISED, CALIBRATED, NOT_SAMPLE)

GATE_DESCRIPTIONS = {
    NOT_WORSE: "On the same photos, it is not surely worse than the live model and the best so far",
    USEFUL: "It is right more often than guessing would be",
    RECOGNISED: "No class is recognised surely and much more seldom than by the live model",
    CALIBRATED: "Its probabilities mean what they say, or are no worse than the live model's",
    NOT_SAMPLE: "A model of generated photos replaces none of real photos",
}
"""What holds when each check passes."""

_CLASSES = 1 / 6
"""Share of `GateLimits.significance` that the classes together may use up."""

_BETTER = 0.05
"""Level of the test by which a model becomes the one that later ones are measured by."""


def decide(
    challenger: Challenger,
    champion: Champion | None,
    limits: GateLimits,
    best: Champion | None = None,
) -> list[Criterion]:
    """Judge a challenger.

    Args:
        challenger: what is known of it.
        champion: what is known of the live model; None if there is none.
        limits: the bounds.
        best: the best model so far, unless it is live: of many models that are each a little
            worse than the one before, none would be surely worse than that one.

    Returns:
        At least one criterion for each of `GATE_CHECKS`, in that order. The challenger may go
        live if all passed.
    """
    pairs = champion.pairs_with(challenger) if champion else None
    compared = champion if pairs else None
    level = limits.significance
    return [
        *_not_worse(challenger, champion, limits, best),
        useful(challenger.recalls, challenger.remark),
        recognised(challenger.recalls, limits)
        if pairs is None
        else recalls_kept(pairs, level * _CLASSES, limits),
        calibrated(challenger, compared.calibration if compared else None, limits),
        not_sample(challenger, champion),
    ]


def surely_better(changes: Changes) -> bool:
    """Whether a model is so much better than the best one that it takes that place.

    If each model that happens to get one photo more right did, the best of twenty equally good
    ones would be one that was lucky with these photos, and the next would look worse.
    """
    return probability_of_loss(changes.gained, changes.lost) < _BETTER


def _not_worse(
    challenger: Challenger, champion: Champion | None, limits: GateLimits, best: Champion | None
) -> list[Criterion]:
    if champion is None:
        return [without_figures(NOT_WORSE, "no model was live")]
    live = f"the live model {champion.version}"
    if champion.damage:
        says = (
            f"{live} cannot be compared: {champion.damage} "
            "(roll back to a whole model, restore the file, or force this one)"
        )
        return [without_figures(NOT_WORSE, says, passed=False)]
    if champion.is_sample and not challenger.is_sample:
        return [without_figures(NOT_WORSE, f"{live} was trained on the sample")]
    if champion.pairs is None:
        return [without_figures(NOT_WORSE, f"{live} knows other classes")]
    pairs = champion.pairs_with(challenger)
    if pairs is None:
        says = f"{live} cannot be compared: {champion.remark}"
        return [without_figures(NOT_WORSE, says, passed=False)]
    before = best.pairs_with(challenger) if best else None
    level = limits.significance * (1 - _CLASSES) / (1 if before is None else 2)
    found = [not_worse(pairs.all, level, limits, "the live model", champion.remark)]
    if champion.on_validation is not None:
        found.append(better_on_validation(champion.on_validation))
    if best and before:
        than = f"the best model so far, {best.version}"
        found.append(not_worse(before.all, level, limits, than, best.remark))
    return found
