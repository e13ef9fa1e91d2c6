"""Single criteria of the gate, each with its figure, its bound and a sentence."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import binom

from dandelion_pipeline.evaluation.champion import OnValidation
from dandelion_pipeline.gate.contest import (
    CalibrationError,
    Challenger,
    Champion,
    Changes,
    Pairs,
    Recall,
)
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.statistics.exact_tests import (
    chance_of_guessing,
    chance_of_use,
    corrected_level,
    guessed,
    probabilities_of_loss,
    probability_of_loss,
)

NOT_WORSE = "not_worse_than_the_live_model"
USEFUL = "better_than_guessing"
RECOGNISED = "each_class_is_recognised"
CALIBRATED = "calibrated"
NOT_SAMPLE = "not_trained_on_the_sample"

GUESSING = 0.05
"""A model is better than guessing if a guesser is so often right less often than this."""

USELESS = 0.1
"""It is of no use if a model of some use is so seldom right less often than this."""

_NAMED = 5  # classes that one sentence names


def not_worse(
    changes: Changes, level: float, limits: GateLimits, than: str, remark: str = ""
) -> Criterion:
    """Whether a challenger gets as many photos right as another model, as far as luck tells.

    Args:
        changes: on photos that both answered; one at least.
        level: of the test.
        limits: where a loss that luck explains is a warning.
        than: the other model.
        remark: what else is to be said about the comparison.
    """
    chance = probability_of_loss(changes.lost, changes.gained)
    loss = changes.loss
    lower = f"{abs(loss):.1%} {'lower' if loss > 0 else 'higher'}" if loss else "the same"
    says = (
        f"it is {'worse' if chance < level else 'not worse'} than {than}: {changes.lost} photos "
        f"lost, {changes.gained} gained, p = {chance:.2g}; its accuracy is {lower} on "
        f"{changes.photos} photos" + (f" ({remark})" if remark else "")
    )
    return Criterion(
        check=NOT_WORSE,
        says=says,
        passed=chance >= level,
        warning=chance >= level and loss > limits.max_accuracy_loss,
        value=chance,
        bound=level,
    )


def better_on_validation(found: OnValidation) -> Criterion:
    """Whether a challenger is better than a live model of another kind and of the same data.

    Nothing is new that would speak for a change, so not to be worse is not enough. The validation
    split decides, since the test split judges whatever goes live.
    """
    better = found.is_better
    verdict = "better" if better else "not better"
    says = (
        f"trained on the same photos as the live model, it is {verdict} "
        f"on the {found.photos} validation photos: {found.lost} lost, {found.gained} gained, log "
        f"loss {found.log_loss:.3f} against {found.other_log_loss:.3f}"
    )
    return Criterion(
        check=NOT_WORSE,
        says=says,
        passed=better,
        value=found.log_loss,
        bound=found.other_log_loss,
    )


def useful(recalls: Mapping[str, Recall], remark: str = "") -> Criterion:
    """Whether answers have to do with the photos; too few photos to tell are a warning.

    Args:
        recalls: of each class.
        remark: what else is to be known of the test photos; a warning too.
    """
    photos = sum(recall.photos for recall in recalls.values())
    if not photos:
        return without_figures(USEFUL, "there are no test photos to tell by", warning=True)
    right = sum(recall.right for recall in recalls.values())
    by_guessing = guessed(
        [recall.photos for recall in recalls.values()],
        [recall.predicted for recall in recalls.values()],
    )
    better = chance_of_guessing(right, photos, by_guessing) < GUESSING
    useless = not better and chance_of_use(right, photos, by_guessing) < USELESS
    says = f"{right} of {photos} test photos are right, and guessing gives {by_guessing:.1f}"
    largest = max(recalls, key=lambda label: recalls[label].photos)
    below_largest = recalls[largest].photos > right
    if useless:
        says += ": it is no better than guessing"
    elif not better:
        says += ": so few photos cannot tell whether it is better"
    elif below_largest:
        says += f"; always naming {largest!r} would give {recalls[largest].photos}"
    if remark:
        says += f" ({remark})"
    return Criterion(
        check=USEFUL,
        says=says,
        passed=not useless,
        warning=not useless and (not better or below_largest or bool(remark)),
        value=right / photos,
        bound=by_guessing / photos,
    )


def recognised(recalls: Mapping[str, Recall], limits: GateLimits) -> Criterion:
    """A warning that names the classes which are surely recognised too seldom."""
    labels = [label for label, recall in recalls.items() if recall.photos]
    if not labels:
        return without_figures(RECOGNISED, "there are no test photos to tell by", warning=True)
    shares = {label: recalls[label].right / recalls[label].photos for label in labels}
    worst = min(labels, key=lambda label: shares[label])
    right = np.array([recalls[label].right for label in labels])
    photos = np.array([recalls[label].photos for label in labels])
    surely = binom.cdf(right, photos, limits.min_recall) < GUESSING / len(labels)
    weak = [label for label, is_weak in zip(labels, surely, strict=True) if is_weak]
    says = f"{recalls[worst].right} of {recalls[worst].photos} {worst!r} are recognised"
    if weak:
        weak.sort(key=lambda label: shares[label])
        rest = f" and {len(weak) - _NAMED} more" if len(weak) > _NAMED else ""
        says += (
            f"; surely fewer than {limits.min_recall:.0%} of "
            f"{', '.join(map(repr, weak[:_NAMED]))}{rest}"
        )
    return Criterion(
        check=RECOGNISED,
        says=says,
        passed=True,
        warning=bool(weak),
        value=shares[worst],
        bound=limits.min_recall,
    )


def recalls_kept(pairs: Pairs, level: float, limits: GateLimits) -> Criterion:
    """Whether no class is recognised surely and much more seldom than by the live model.

    Classes under `GateLimits.fewest_photos` are one class here: alone, none could show anything.

    Args:
        pairs: at least one photo.
        level: the chance that luck fails any of the classes.
        limits: how large a loss may be, and which classes are small.
    """
    groups = _with_small_ones_pooled(pairs.classes, limits)
    names, changes = list(groups), list(groups.values())
    lost, gained = (np.array([getattr(one, way) for one in changes]) for way in ("lost", "gained"))
    losses = np.array([one.loss for one in changes])
    chances = probabilities_of_loss(lost, gained)
    bound = corrected_level(lost + gained, level)
    surely = chances < bound
    failed = surely & (losses > limits.max_recall_loss)
    order = np.lexsort((-losses, chances, ~failed))
    worst = int(order[0])
    net = int(lost[worst] - gained[worst])
    than = f"{abs(net)} {'fewer' if net >= 0 else 'more'} than by the live model"
    says = f"of {changes[worst].photos} {names[worst]}, {than} are recognised"
    says += f" (p = {chances[worst]:.2g}; {len(changes)} compared, each at {bound:.2g})"
    return Criterion(
        check=RECOGNISED,
        says=says,
        passed=not failed.any(),
        value=float(losses[worst]),
        bound=limits.max_recall_loss,
    )


def calibrated(
    challenger: Challenger, champion: CalibrationError | None, limits: GateLimits
) -> Criterion:
    """Whether probabilities mean what they say, or are no worse than the live model's.

    If nothing is live to compare with, a large error is a warning: accurate answers with wrong
    probabilities are better than none.
    """
    photos = sum(recall.photos for recall in challenger.recalls.values())
    found = challenger.calibration
    if found is None:
        return without_figures(CALIBRATED, "it was not measured")
    if photos < limits.fewest_photos:
        few = f"fewer than {limits.fewest_photos} test photos: too few to tell"
        return without_figures(CALIBRATED, few)
    says = (
        f"its probabilities are off by {found.value:.3f} on average; "
        f"on {photos} photos, luck explains up to {found.by_chance:.3f}"
    )
    allowed = limits.max_calibration_error + found.by_chance
    bound = allowed
    if champion is not None:
        bound = max(bound, champion.value + found.by_chance)
        says += f", and the live model's are off by {champion.value:.3f}"
    passed = champion is None or found.value <= bound
    return Criterion(
        check=CALIBRATED,
        says=says,
        passed=passed,
        warning=passed and found.value > allowed,
        value=found.value,
        bound=bound,
    )


def not_sample(challenger: Challenger, champion: Champion | None) -> Criterion:
    """Whether no model of real photos would be replaced by one of generated photos."""
    if not challenger.is_sample:
        return without_figures(NOT_SAMPLE, "it was trained on real photos")
    if champion is None or champion.is_sample:
        return without_figures(NOT_SAMPLE, "it was trained on the sample, and replaces no other")
    says = "a model trained on the sample never replaces one of real photos"
    return without_figures(NOT_SAMPLE, says, passed=False)


def without_figures(
    check: str, says: str, *, passed: bool = True, warning: bool = False
) -> Criterion:
    """A criterion that no number decides."""
    return Criterion(check=check, says=says, passed=passed, warning=warning)


def _with_small_ones_pooled(
    classes: Mapping[str, Changes], limits: GateLimits
) -> Mapping[str, Changes]:
    """Classes as they are called in a sentence; small ones are one together."""
    small = {name: of for name, of in classes.items() if of.photos < limits.fewest_photos}
    large = {repr(name): of for name, of in classes.items() if name not in small and of.photos}
    pooled = sum(small.values(), Changes(0, 0, 0))
    if not pooled.photos:
        return large
    name = repr(next(iter(small))) if len(small) == 1 else f"photos of {len(small)} small classes"
    return {**large, name: pooled}
