"""From the scores of both models to the figures that the gate decides on."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.release.decision import Criterion
from dandelion_pipeline.training.champion import Champion
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.gate import (
    CalibrationError,
    Challenger,
    GateLimits,
    Opponent,
    Pairs,
    Recall,
    changed_answers,
    decide,
)
from dandelion_pipeline.training.score import (
    challenger_rows,
    champion_of,
    champion_rows,
    measure_both,
)


def judge(scores: pa.Table, model: TrainedModel, limits: GateLimits) -> list[Criterion]:
    """Ask the gate.

    Args:
        scores: as made by `score.score`.
        model: the challenger.
        limits: the bounds.

    Returns:
        What was asked of the challenger; it may go live if all passed.
    """
    record, metrics = model.record, measure_both(scores, model.record.classes)
    ours, theirs = challenger_rows(scores), champion_rows(scores)
    champion = champion_of(scores)
    calibration = metrics.calibration
    challenger = Challenger(
        is_sample=record.data.is_sample,
        recalls=_recalls(ours),
        calibration=CalibrationError(calibration.ece, calibration.ece_at_most_by_chance)
        if calibration
        else None,
        int8=record.int8,
    )
    return decide(challenger, _opponent(champion, ours, theirs) if champion else None, limits)


def _opponent(champion: Champion, ours: pa.Table, theirs: pa.Table) -> Opponent:
    seen = pa.array(champion.trained_on or [], pa.string())
    remark = ""
    if champion.trained_on is None:
        remark = "it is not known which photos the live model was trained on"
    elif champion.trained_on:
        remark = f"without {len(seen)} photos that the live model was trained on"
    fair = pc.invert(pc.is_in(theirs["sha256"], seen)) if theirs.num_rows else None
    return Opponent(
        version=champion.version,
        is_sample=champion.is_sample,
        damage=champion.damage,
        pairs=_pairs(ours.filter(fair), theirs.filter(fair)) if fair is not None else None,
        remark=remark,
    )


def _pairs(ours: pa.Table, theirs: pa.Table) -> Pairs:
    lost, gained = changed_answers(ours, theirs)
    mine, other = _recalls(ours), _recalls(theirs)
    return Pairs(
        photos=theirs.num_rows,
        lost=lost,
        gained=gained,
        recall_losses={
            label: (recall.right - mine[label].right, recall.photos)
            for label, recall in other.items()
        },
    )


def _recalls(answers: pa.Table) -> dict[str, Recall]:
    hits = answers.filter(pc.equal(answers["predicted"], answers["label"]))
    right, photos = (Counter(table["label"].to_pylist()) for table in (hits, answers))
    return {label: Recall(right[label], photos[label]) for label in sorted(photos)}
