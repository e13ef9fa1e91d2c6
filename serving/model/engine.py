"""A model bundle, ready to answer: OpenVINO on the CPU.

The graph of every bundle has one input ``pixels`` (uint8, batch x size x size x 3, RGB) and one
output ``logits`` (float32, batch x classes). Normalisation is part of the graph, so that the
same bytes give the same answer wherever the graph runs.
"""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, prepare
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.manifest import GRAPHS, Form
from dandelion_pipeline.release.silent_openvino import openvino

BATCHES = (1, 2, 4, 8)
"""How many photos are inferred at once. Each number that is met costs memory and, the first time, a
tenth of a second; eight give all the throughput there is on two cores."""

_FP32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Or OpenVINO rounds to bfloat16 where the processor has instructions for it, and would not
answer as the graph in floats did where it was judged."""


@dataclass(frozen=True)
class Prepared:
    """A photo as a model wants it, and what is known of the file. The picture itself is large."""

    pixels: npt.NDArray[np.uint8]
    """Shape ``(size, size, 3)``, RGB."""

    format: str
    """One of `decode.FORMATS`."""

    width: int
    """Pixels of the upright photo."""

    height: int


class Engine:
    """One model in memory. Threads may share it; they take turns.

    Args:
        bundle: where the graph is read from, and verified as it is read.
        form: which of the bundle's graphs.
        because: why that one.
        threads: how many it keeps busy; None for one for each core of the processor.

    Raises:
        BundleError: the graph cannot be loaded, or is not what the manifest says.
    """

    def __init__(
        self,
        bundle: Bundle,
        form: Form = "fp32",
        *,
        because: str = "",
        threads: int | None = None,
    ) -> None:
        self.manifest = bundle.manifest
        self.form: Form = form
        self.graph = graph = GRAPHS[form]
        self.because = because
        self.temperature = self.manifest.temperature_of(form)
        self.preprocessing = _preprocessing(bundle)
        if not self.temperature > 0:
            raise _unusable(bundle, f"its temperature is {self.temperature}")
        self._turn = threading.Lock()
        data = bundle.read(graph)
        try:
            model = openvino.Core().read_model(data)
            self._check_signature(bundle, model)
            how = {
                "PERFORMANCE_HINT": "LATENCY",
                **(_FP32 if form == "fp32" else {}),
                **({} if threads is None else {"INFERENCE_NUM_THREADS": threads}),
            }
            compiled = openvino.compile_model(model, "CPU", how)
            self._request = compiled.create_infer_request()
            self._check_answer(bundle)
        except RuntimeError as error:  # all that OpenVINO raises
            line = str(error).strip().splitlines()[-1].rstrip(".")
            raise _unusable(bundle, f"OpenVINO cannot run it ({line})") from None

    def prepare(self, data: bytes) -> Prepared:
        """A photo, decoded and shaped as this model wants it.

        Raises:
            ImageRefused: these bytes are no photo that we accept.
        """
        photo = decode(data, self.preprocessing.shorter_side)
        pixels = prepare(photo.image, self.preprocessing)
        return Prepared(pixels, photo.format, photo.width, photo.height)

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """The probability of each class, for a batch of prepared photos.

        Args:
            pixels: of shape ``(batch, size, size, 3)``.

        Returns:
            Shape ``(batch, classes)``, in the order of the manifest's classes.
        """
        with self._turn:
            self._request.infer([pixels], share_inputs=True)
            logits = self._request.get_output_tensor(0).data.copy()
        return softmax(logits, self.temperature)

    def warm_up(self) -> None:
        """Infer each size of batch once: the first time takes ten times as long as the others."""
        size = self.preprocessing.size
        for batch in BATCHES:
            self.probabilities(np.zeros((batch, size, size, 3), np.uint8))

    def classify(self, data: bytes) -> dict[str, float]:
        """The probability of each class for one photo, from its bytes.

        Raises:
            ImageRefused: these bytes are no photo that we accept.
        """
        (row,) = self.probabilities(self.prepare(data).pixels[np.newaxis])
        return dict(zip(self.manifest.classes, row.tolist(), strict=True))

    def _check_signature(self, bundle: Bundle, model: openvino.Model) -> None:
        size, classes = self.preprocessing.size, len(self.manifest.classes)
        inputs = [_signature(node) for node in model.inputs]
        outputs = [_signature(node) for node in model.outputs]
        if inputs != [("pixels", "uint8", [None, size, size, 3])]:
            raise _unusable(bundle, f"its inputs are {inputs}")
        if outputs != [("logits", "float32", [None, classes])]:
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


def _preprocessing(bundle: Bundle) -> Preprocessing:
    try:
        return Preprocessing.model_validate(bundle.manifest.preprocessing)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _unusable(bundle, f"its preprocessing: {where}: {first['msg']}") from None


def _signature(node: openvino.Output) -> tuple[str, str, list[int | None]]:
    """Name, type and shape; None stands for a size that is left open."""
    shape = [n.get_length() if n.is_static else None for n in node.partial_shape]
    return node.any_name, node.element_type.to_dtype().name, shape


def _unusable(bundle: Bundle, why: str) -> BundleError:
    return BundleError(
        f"model {bundle.manifest.version}", why, "Publish it again, or make another version live"
    )
