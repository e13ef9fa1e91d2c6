"""The figures that follow from the predictions of a served model."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import average_precision_score, roc_auc_score

from dandelion_pipeline.evaluation.slices import FACTS, slices
from dandelion_pipeline.release.manifest import (
    Calibration,
    CalibrationBin,
    ClassMetrics,
    Metrics,
)
from dandelion_pipeline.statistics.calibration import (
    Bin,
    Floats,
    Labels,
    error_by_chance,
    expected_calibration_error,
    negative_log_likelihood,
    probabilities_at,
    reliability,
)
from dandelion_pipeline.statistics.intervals import wilson_interval

_SMALLEST_PROBABILITY = 1e-12


def prediction_table(
    rows: pa.Table,
    classes: Sequence[str],
    logits: Floats,
    temperature: float = 1.0,
    novelty: Floats | None = None,
) -> pa.Table:
    """One row a test photo: what it is labelled, and what the model says.

    Args:
        rows: columns ``sha256`` and ``label``, and those of `slices.FACTS` that are known.
        classes: in the order of the logits.
        logits: shape ``(N, classes)``.
        temperature: the logits are divided by it; both are kept.
        novelty: how far each photo is from those of training, shape ``(N,)``; above 1 it counts as
            another kind of photo. None if the model cannot tell.
    """
    probabilities = probabilities_at(logits, temperature)
    predicted = [classes[i] for i in probabilities.argmax(axis=1)]
    columns = {
        "sha256": rows["sha256"],
        "label": rows["label"],
        "predicted": pa.array(predicted, pa.string()),
        "probabilities": _lists(probabilities),
        "logits": _lists(logits),
        "novelty": pa.nulls(len(logits), pa.float64()) if novelty is None else pa.array(novelty),
    }
    return pa.table({**columns, **{field.name: _known(rows, field) for field in FACTS}})


def measure(predictions: pa.Table, classes: Sequence[str]) -> Metrics:
    """The figures of a model on its test photos.

    Args:
        predictions: as made by `prediction_table`.
        classes: in the order of the probabilities.
    """
    labels, probabilities = answers(predictions, classes)
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    chances = probabilities[np.arange(len(labels)), labels].clip(_SMALLEST_PROBABILITY)
    hits = int(confusion.trace())
    per_class = {
        label: _class_metrics(confusion, i, labels == i, probabilities[:, i])
        for i, label in enumerate(classes)
    }
    given_or_predicted = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    return Metrics(
        accuracy=hits / len(labels),
        accuracy_interval=wilson_interval(hits, len(labels)),
        log_loss=float(-np.log(chances).mean()),
        test_photos=len(labels),
        balanced_accuracy=_mean(of.recall for of in per_class.values() if of.support),
        macro_f1=_mean(
            of.f1 for of, met in zip(per_class.values(), given_or_predicted, strict=True) if met
        ),
        per_class=per_class,
        confusion=confusion.tolist(),
        outside=_outside(predictions),
        calibration=_calibration(predictions, labels, probabilities),
        slices=slices(predictions),
    )


def _outside(predictions: pa.Table) -> int | None:
    if "novelty" not in predictions.column_names or predictions["novelty"].null_count:
        return None
    return int((predictions["novelty"].to_numpy() > 1).sum())


def answers(predictions: pa.Table, classes: Sequence[str]) -> tuple[Labels, Floats]:
    """Given labels as numbers of classes, shape ``(N,)``, and probabilities ``(N, classes)``."""
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[label] for label in predictions["label"].to_pylist()], np.int64)
    return labels, _matrix(predictions["probabilities"], len(classes))


def _class_metrics(
    confusion: npt.NDArray[np.int_], i: int, is_class: npt.NDArray[np.bool_], chances: Floats
) -> ClassMetrics:
    hits, given, predicted = (
        int(confusion[i, i]),
        int(confusion[i].sum()),
        int(confusion[:, i].sum()),
    )
    both = 0 < given < len(is_class)
    return ClassMetrics(
        precision=_share(hits, predicted),
        recall=_share(hits, given),
        f1=_share(2 * hits, given + predicted),
        support=given,
        precision_interval=wilson_interval(hits, predicted),
        recall_interval=wilson_interval(hits, given),
        roc_auc=float(roc_auc_score(is_class, chances)) if both else None,
        average_precision=float(average_precision_score(is_class, chances)) if both else None,
    )


def _lists(rows: Floats) -> pa.Array:
    """A matrix as a column of lists, without a Python object for each number of it."""
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(rows.ravel(), pa.float64()))


def _matrix(column: pa.ChunkedArray, width: int) -> Floats:
    """The way back, shape ``(N, width)``."""
    flat: Floats = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, width)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _calibration(predictions: pa.Table, labels: Labels, probabilities: Floats) -> Calibration:
    logits = _matrix(predictions["logits"], probabilities.shape[1])
    after = reliability(probabilities, labels)
    before = reliability(probabilities_at(logits, 1.0), labels)
    chance = error_by_chance(probabilities)
    return Calibration(
        ece=expected_calibration_error(after),
        ece_before=expected_calibration_error(before),
        ece_by_chance=chance.mean,
        ece_at_most_by_chance=chance.most,
        log_loss_before=negative_log_likelihood(logits, labels),
        bins=[_bin(part) for part in after],
        bins_before=[_bin(part) for part in before],
    )


def _bin(part: Bin) -> CalibrationBin:
    return CalibrationBin(
        photos=part.photos,
        confidence=part.confidence,
        accuracy=part.right / part.photos,
        accuracy_interval=wilson_interval(part.right, part.photos),
    )


def _known(rows: pa.Table, fact: pa.Field) -> pa.ChunkedArray:
    if fact.name in rows.column_names:
        return rows[fact.name].cast(fact.type)
    return pa.chunked_array([pa.nulls(rows.num_rows, fact.type)])
