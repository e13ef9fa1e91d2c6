"""Predictions of an exported graph, through the engine that bundles are tested with."""

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as refused

from dandelion_pipeline.statistics.calibration import Floats, probabilities_at

# All derive from Exception alone; these are what broken or foreign graphs raise.
GRAPH_ERRORS = (
    refused.Fail,
    refused.InvalidArgument,
    refused.InvalidGraph,
    refused.InvalidProtobuf,
    refused.NotImplemented,
    refused.RuntimeException,
)
BATCH = 64


def predict(model: bytes, pixels: npt.NDArray[np.uint8], temperature: float = 1.0) -> Floats:
    """Probabilities from an ONNX model, through the same engine that serving uses.

    Args:
        model: the ONNX file.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
        temperature: the logits are divided by it.

    Returns:
        Shape ``(N, classes)``; each row adds up to 1.
    """
    return probabilities_at(predict_logits(model, pixels), temperature)


def predict_logits(model: bytes, pixels: npt.NDArray[np.uint8]) -> Floats:
    """What `predict` makes probabilities of, shape ``(N, classes)``."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = [
        session.run(None, {"pixels": pixels[start : start + BATCH]})[0]
        for start in range(0, len(pixels), BATCH)
    ]
    return np.concatenate(parts).astype(np.float64)
