"""A model bundle, ready to answer: ONNX Runtime on the CPU.

The graph of every bundle has one input ``pixels`` (uint8, batch x size x size x 3, RGB) and one
output ``logits`` (float32, batch x classes). Normalisation is part of the graph, so that the
same bytes give the same answer wherever the graph runs.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as refused
from pydantic import ValidationError

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.preprocess import Preprocessing, prepare
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.manifest import ONNX_FILE

# All derive from Exception alone; these are what broken or foreign graphs raise.
_GRAPH_ERRORS = (
    refused.Fail,
    refused.InvalidArgument,
    refused.InvalidGraph,
    refused.InvalidProtobuf,
    refused.NoSuchFile,
    refused.NotImplemented,
    refused.RuntimeException,
)


class Engine:
    """One model in memory. Any number of threads may use it at once.

    Args:
        bundle: where the graph is read from, and verified as it is read.
        graph: which of the bundle's files: `ONNX_FILE`, or `INT8_FILE` if there is one.

    Raises:
        BundleError: the graph cannot be loaded, or is not what the manifest says.
    """

    def __init__(self, bundle: Bundle, graph: str = ONNX_FILE) -> None:
        self.manifest = bundle.manifest
        self.graph = graph
        self.preprocessing = _preprocessing(bundle)
        if not self.manifest.temperature > 0:
            raise _unusable(bundle, f"its temperature is {self.manifest.temperature}")
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.read(graph), _options(), providers=["CPUExecutionProvider"]
            )
            self._check_signature(bundle)
            self._check_answer(bundle)
        except _GRAPH_ERRORS as error:
            line = str(error).strip().splitlines()[0]
            raise _unusable(bundle, f"ONNX Runtime cannot run it ({line})") from None

    def prepare(self, data: bytes) -> npt.NDArray[np.uint8]:
        """The pixels of a photo as this model wants them: ``(size, size, 3)``, RGB.

        Raises:
            ImageRefused: these bytes are no photo that we accept.
        """
        return prepare(decode(data).image, self.preprocessing)

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The probability of each class, for a batch of prepared photos.

        Args:
            pixels: of shape ``(batch, size, size, 3)``.

        Returns:
            Shape ``(batch, classes)``, in the order of the manifest's classes.
        """
        (logits,) = self._session.run(["logits"], {"pixels": pixels})
        return softmax(logits, self.manifest.temperature)

    def classify(self, data: bytes) -> dict[str, float]:
        """The probability of each class for one photo, from its bytes.

        Raises:
            ImageRefused: these bytes are no photo that we accept.
        """
        (row,) = self.probabilities(self.prepare(data)[np.newaxis])
        return dict(zip(self.manifest.classes, row.tolist(), strict=True))

    def _check_signature(self, bundle: Bundle) -> None:
        size, classes = self.preprocessing.size, len(self.manifest.classes)
        inputs = [_signature(node) for node in self._session.get_inputs()]
        outputs = [_signature(node) for node in self._session.get_outputs()]
        if inputs != [("pixels", "tensor(uint8)", [None, size, size, 3])]:
            raise _unusable(bundle, f"its inputs are {inputs}")
        if outputs != [("logits", "tensor(float)", [None, classes])]:
            raise _unusable(bundle, f"its outputs are {outputs} for {classes} classes")

    def _check_answer(self, bundle: Bundle) -> None:
        # Shapes can promise what the graph does not keep; and the first run is the slow one.
        size = self.preprocessing.size
        answer = self.probabilities(np.zeros((2, size, size, 3), np.uint8))
        if answer.shape != (2, len(self.manifest.classes)) or not np.isfinite(answer).all():
            raise _unusable(bundle, "it does not answer with one number for each class")


def softmax(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities of shape ``(batch, classes)``; each row adds up to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    exponents = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; warnings about graphs are for those who export them
    return options


def _preprocessing(bundle: Bundle) -> Preprocessing:
    try:
        return Preprocessing.model_validate(bundle.manifest.preprocessing)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _unusable(bundle, f"its preprocessing: {where}: {first['msg']}") from None


class _Node(Protocol):
    """ONNX Runtime's NodeArg, which has no type hints."""

    name: str
    type: str
    shape: list[int | str | None]


def _signature(node: _Node) -> tuple[str, str, list[int | None]]:
    """Name, type and shape; None stands for a size that is left open."""
    return node.name, node.type, [n if isinstance(n, int) else None for n in node.shape]


def _unusable(bundle: Bundle, why: str) -> BundleError:
    return BundleError(
        f"model {bundle.manifest.version}", why, "Publish it again, or make another version live"
    )
