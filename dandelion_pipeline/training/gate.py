"""The gate: whether a challenger may take the champion's place."""

from dataclasses import dataclass
from math import comb

import pyarrow as pa

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Decision:
    """Whether to promote, and why."""

    promote: bool
    reason: str


def decide(
    *,
    challenger_is_sample: bool,
    champion_is_sample: bool | None,
    comparable: bool,
    lost: int,
    gained: int,
) -> Decision:
    """Judge a challenger.

    Args:
        challenger_is_sample: it was trained on generated photos.
        champion_is_sample: so was the live model; None if no model is live.
        comparable: both models know the same classes.
        lost: test photos that the champion gets right and the challenger wrong.
        gained: test photos that the challenger gets right and the champion wrong.
    """
    if champion_is_sample is None:
        return Decision(True, "no model was live")
    if challenger_is_sample and not champion_is_sample:
        return Decision(False, "a model trained on the sample never replaces one of real photos")
    if champion_is_sample and not challenger_is_sample:
        return Decision(True, "the live model was trained on the sample")
    if not comparable:
        return Decision(True, "the live model knows other classes")
    p_value = probability_of_loss(lost, gained)
    if p_value < SIGNIFICANCE:
        return Decision(
            False,
            f"it is worse than the live model: {lost} photos lost, {gained} gained, "
            f"p = {p_value:.3f}",
        )
    return Decision(True, f"it is not worse than the live model: {lost} lost, {gained} gained")


def probability_of_loss(lost: int, gained: int) -> float:
    """One-sided exact McNemar test: the chance of at least this many losses by luck alone.

    Source: McNemar, Psychometrika 12 (1947), with the binomial in place of the chi-square.
    """
    trials = lost + gained
    ways = sum(comb(trials, k) for k in range(lost, trials + 1))
    return float(ways / 2**trials)


def changed_answers(challenger: pa.Table, champion: pa.Table) -> tuple[int, int]:
    """Photos lost and gained by the challenger; both tables list the same photos in one order."""
    lost = gained = 0
    for ours, theirs in zip(challenger.to_pylist(), champion.to_pylist(), strict=True):
        was_right = theirs["predicted"] == theirs["label"]
        is_right = ours["predicted"] == ours["label"]
        lost += was_right and not is_right
        gained += is_right and not was_right
    return lost, gained
