"""Predictions of an exported graph, through the engine that bundles are tested with."""

from dataclasses import dataclass

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
LOGITS, FEATURES, EARLY = "logits", "features", "early_features"
"""Names of the outputs of a graph."""


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
    return run(model, pixels).logits


@dataclass(frozen=True)
class Outputs:
    """What a graph gives for photos, one row each."""

    logits: Floats
    """Shape ``(N, classes)``."""

    features: npt.NDArray[np.float32]
    """Pooled at the end of the network, ``(N, features)``; none for older graphs."""

    early: npt.NDArray[np.float32]
    """Of an earlier stage, likewise."""


def run(model: bytes, pixels: npt.NDArray[np.uint8]) -> Outputs:
    """Everything that a graph says of prepared photos; arguments as of `predict`."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    parts = [
        session.run(names, {"pixels": pixels[start : start + BATCH]})
        for start in range(0, len(pixels), BATCH)
    ]
    found = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    none = np.empty((len(pixels), 0), np.float32)
    logits = found[LOGITS].astype(np.float64)
    return Outputs(logits, found.get(FEATURES, none), found.get(EARLY, none))
