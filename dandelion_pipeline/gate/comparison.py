"""From the scores of the models to the figures that the gate decides on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.evaluation.champion import ChampionRecord
from dandelion_pipeline.evaluation.metrics import answers
from dandelion_pipeline.evaluation.scores import (
    BEST,
    CHAMPION,
    Ancestors,
    ancestors_of,
    challenger_rows,
    compared,
    other_model,
    right_answers,
    was_asked,
)
from dandelion_pipeline.gate.contest import CalibrationError, Changes, Pairs, Recall
from dandelion_pipeline.gate.gate import (
    NOT_SAMPLE,
    USEFUL,
    Challenger,
    Champion,
    decide,
    surely_better,
)
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.statistics.calibration import (
    error_by_chance,
    expected_calibration_error,
    reliability,
)
from dandelion_pipeline.training.fit import TrainedModel


@dataclass(frozen=True)
class Comparison:
    """What was asked of a challenger, and what the next ones are measured by if it goes live."""

    criteria: list[Criterion]
    best: str
    """The best model so far, this one included."""

    keeps_rival: bool
    """Whether the live model stays that learnt from the same data and is of another kind, so that
    nothing went wrong: two kinds were tried, and the better one is live."""


def compare(scores: pa.Table, model: TrainedModel, limits: GateLimits) -> Comparison:
    """Ask the gate.

    Args:
        scores: as made by `scores.score`.
        model: the challenger.
        limits: the bounds.

    Returns:
        What was asked of the challenger; it may go live if all passed.
    """
    record, ours = model.record, challenger_rows(scores)
    challenger = Challenger(
        is_sample=record.data.is_sample,
        recalls=_recalls(ours),
        calibration=_calibration_error(ours, record.classes),
        remark="; ".join(_of_ancestors(ancestors_of(scores))),
    )
    champion, best = (_other(scores, name, record.classes) for name in (CHAMPION, BEST))
    criteria = decide(challenger, champion, limits, best)
    rival = champion is not None and champion.on_validation is not None
    failed = {criterion.check for criterion in criteria if not criterion.passed}
    keeps_rival = rival and bool(failed) and failed.isdisjoint((USEFUL, NOT_SAMPLE))
    return Comparison(
        criteria, _best_after(record.version, challenger, best, champion), keeps_rival
    )


def _best_after(version: str, challenger: Challenger, *others: Champion | None) -> str:
    """Which model later ones are measured by, if this one goes live."""
    for other in others:
        pairs = other.pairs_with(challenger) if other else None
        if other and pairs:
            return version if surely_better(pairs.all) else other.version
    return version


def _other(scores: pa.Table, name: str, classes: list[str]) -> Champion | None:
    other = other_model(scores, name)
    if other is None:
        return None
    ours, theirs = compared(scores, name)
    remarks = [*_of_training(other, name), *_of_ancestors(ancestors_of(scores))]
    return Champion(
        version=other.version,
        is_sample=other.is_sample,
        damage=other.damage,
        pairs=_pairs(ours, theirs) if was_asked(scores, name) else None,
        calibration=_calibration_error(theirs, classes),
        on_validation=other.on_validation,
        remark="; ".join(remarks),
    )


def _of_training(other: ChampionRecord, name: str) -> Iterator[str]:
    model = "the live model" if name == CHAMPION else "it"
    if other.damage:
        return
    if other.trained_on is None:
        yield f"it is not known which photos {model} was trained on"
    elif other.trained_on:
        yield f"without {len(other.trained_on)} photos that {model} was trained on"
    if other.unknown_ancestor:
        yield f"what {model} began with may know more: {other.unknown_ancestor}"


def _of_ancestors(ancestors: Ancestors) -> Iterator[str]:
    if ancestors.everything:
        yield "the weights that it began with have seen every test photo"
    elif ancestors.left_out:
        yield f"without {ancestors.left_out} photos that the weights it began with have seen"
    if ancestors.unknown:
        yield f"what it began with may know test photos: {ancestors.unknown}"


def _pairs(ours: pa.Table, theirs: pa.Table) -> Pairs:
    mine, other = right_answers(ours), right_answers(theirs)
    labels = theirs["label"]
    lost = Counter(labels.filter(pc.and_not(other, mine)).to_pylist())
    gained = Counter(labels.filter(pc.and_not(mine, other)).to_pylist())
    photos = Counter(labels.to_pylist())
    classes = {
        label: Changes(lost[label], gained[label], photos[label]) for label in sorted(photos)
    }
    return Pairs(sum(classes.values(), Changes(0, 0, 0)), classes)


def _recalls(rows: pa.Table) -> dict[str, Recall]:
    right = Counter(rows["label"].filter(right_answers(rows)).to_pylist())
    photos, said = (Counter(rows[name].to_pylist()) for name in ("label", "predicted"))
    return {label: Recall(right[label], photos[label], said[label]) for label in sorted(photos)}


def _calibration_error(rows: pa.Table, classes: list[str]) -> CalibrationError | None:
    if not rows.num_rows:
        return None
    labels, probabilities = answers(rows, classes)
    found = expected_calibration_error(reliability(probabilities, labels))
    return CalibrationError(found, error_by_chance(probabilities).most)
