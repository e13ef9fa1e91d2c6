"""Predictions of a served model, and the figures that follow from them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from dandelion_pipeline.release.manifest import ClassMetrics, Metrics

BATCH = 64
_SMALLEST_PROBABILITY = 1e-12


def predict(
    model: bytes, pixels: npt.NDArray[np.uint8], temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """Probabilities from an ONNX model, through the same engine that serving uses.

    Args:
        model: the ONNX file.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
        temperature: the logits are divided by it.

    Returns:
        Shape ``(N, classes)``; each row adds up to 1.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = [
        session.run(None, {"pixels": pixels[start : start + BATCH]})[0]
        for start in range(0, len(pixels), BATCH)
    ]
    logits = np.concatenate(parts).astype(np.float64) / temperature
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def prediction_table(
    rows: pa.Table, classes: Sequence[str], probabilities: npt.NDArray[np.float64]
) -> pa.Table:
    """One row a test photo: what it is labelled, and what the model says."""
    predicted = [classes[i] for i in probabilities.argmax(axis=1)]
    return pa.table(
        {
            "sha256": rows["sha256"],
            "label": rows["label"],
            "predicted": pa.array(predicted, pa.string()),
            "probabilities": pa.array(probabilities.tolist(), pa.list_(pa.float64())),
        }
    )


def measure(predictions: pa.Table, classes: Sequence[str]) -> Metrics:
    """The figures of a model on its test photos.

    Args:
        predictions: as made by `prediction_table`.
        classes: in the order of the probabilities.
    """
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[label] for label in predictions["label"].to_pylist()])
    probabilities = np.array(predictions["probabilities"].to_pylist())
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    given = probabilities[np.arange(len(labels)), labels].clip(_SMALLEST_PROBABILITY)
    return Metrics(
        accuracy=float(confusion.trace() / confusion.sum()),
        log_loss=float(-np.log(given).mean()),
        test_photos=len(labels),
        per_class={label: _class_metrics(confusion, i) for label, i in index.items()},
        confusion=confusion.tolist(),
    )


def _class_metrics(confusion: npt.NDArray[np.int_], i: int) -> ClassMetrics:
    hits, given, said = confusion[i, i], confusion[i].sum(), confusion[:, i].sum()
    return ClassMetrics(
        precision=_share(hits, said),
        recall=_share(hits, given),
        f1=_share(2 * hits, given + said),
        support=int(given),
    )


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0
