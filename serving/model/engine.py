"""A model bundle, ready to answer: OpenVINO on the CPU.

The graph of every bundle has one input ``pixels`` (uint8, batch x size x size x 3, RGB) and the
output ``logits`` (float32, batch x classes). All but older ones also have ``features`` and
``early_features`` (float32, batch x any number), which say whether a photo resembles those of
training, and which of them it resembles most. Normalisation is part of the graph, so that the same
bytes give the same answer wherever the graph runs.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, prepare
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.manifest import GRAPHS, Form
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE, Neighbours
from dandelion_pipeline.release.ood import OOD_FILE, FeatureDistribution, joined
from dandelion_pipeline.release.silent_openvino import openvino
from dandelion_pipeline.storage import layout

_LOGITS = ("logits",)
_ALL = ("logits", "features", "early_features")

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


@dataclass(frozen=True)
class Answer:
    """What a model says of a batch of photos, one row each."""

    probabilities: npt.NDArray[np.float64]
    """Shape ``(batch, classes)``, in the order of the manifest's classes; rows add up to 1."""

    novelty: npt.NDArray[np.float64] | None
    """How far a photo is from those of training, shape ``(batch,)``; above 1 it is out of their
    distribution. None for bundles that do not know."""

    features: npt.NDArray[np.float32] | None
    """What `Engine.neighbours` compares, shape ``(batch, features)``; None for bundles that need
    none."""


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
        calibration = self.manifest.metrics.calibration
        self.unsure_below = (calibration and calibration.unsure_below) or 0.0
        """The confidence below which an answer is not to be believed."""

        self._turn = threading.Lock()
        self._distribution = _distribution(bundle)
        self.neighbours = _neighbours(bundle)
        """The training photos that the bundle knows; None for older ones."""

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
        logits, *_ = self._infer(pixels, _LOGITS)
        return softmax(logits, self.temperature)

    def answer(self, pixels: npt.NDArray[np.uint8]) -> Answer:
        """As `probabilities`, and whether the photos resemble those of training."""
        if not self._knows_photos:
            return Answer(self.probabilities(pixels), None, None)
        logits, features, early = self._infer(pixels, _ALL)
        novelty = None
        if self._distribution is not None:
            novelty = self._distribution.distances(joined(features, early)) / self._limit
        return Answer(softmax(logits, self.temperature), novelty, features)

    def warm_up(self) -> None:
        """Infer each size of batch once: the first time takes ten times as long as the others."""
        size = self.preprocessing.size
        for batch in BATCHES:
            self.answer(np.zeros((batch, size, size, 3), np.uint8))

    def classify(self, data: bytes) -> dict[str, float]:
        """The probability of each class for one photo, from its bytes.

        Raises:
            ImageRefused: these bytes are no photo that we accept.
        """
        (row,) = self.probabilities(self.prepare(data).pixels[np.newaxis])
        return dict(zip(self.manifest.classes, row.tolist(), strict=True))

    def _infer(
        self, pixels: npt.NDArray[np.uint8], names: Sequence[str]
    ) -> list[npt.NDArray[np.float32]]:
        with self._turn:
            self._request.infer([pixels], share_inputs=True)
            return [self._request.get_tensor(name).data.copy() for name in names]

    @property
    def files(self) -> tuple[str, ...]:
        """What it reads of a bundle, beside the manifest: another store needs no more of it."""
        known = {OOD_FILE: self._distribution, NEIGHBOURS_FILE: self.neighbours}
        return (self.graph, *(name for name, part in known.items() if part is not None))

    @property
    def _knows_photos(self) -> bool:
        return self._distribution is not None or self.neighbours is not None

    @property
    def _limit(self) -> float:
        ood = self.manifest.ood
        return ood.limits.get(self.form, np.inf) if ood else np.inf

    def _check_signature(self, bundle: Bundle, model: openvino.Model) -> None:
        size, classes = self.preprocessing.size, len(self.manifest.classes)
        inputs = [_signature(node) for node in model.inputs]
        outputs = [_signature(node) for node in model.outputs]
        if inputs != [("pixels", "uint8", [None, size, size, 3])]:
            raise _unusable(bundle, f"its inputs are {inputs}")
        if outputs[:1] != [("logits", "float32", [None, classes])]:
            raise _unusable(bundle, f"its outputs are {outputs} for {classes} classes")
        named = tuple(name for name, *_ in outputs) == _ALL
        widths = [(shape[-1] if shape else 0) or 0 for _, _, shape in outputs[1:]]
        known: dict[str, tuple[int, int]] = {}
        if self._distribution is not None:
            known[OOD_FILE] = self._distribution.means.shape[1], sum(widths)
        if self.neighbours is not None:
            known[NEIGHBOURS_FILE] = self.neighbours.features.shape[1], sum(widths[:1])
        for name, (width, wanted) in known.items():
            if not named or width != wanted:
                raise _unusable(bundle, f"its {name} is of other features than {outputs[1:]}")

    def _check_answer(self, bundle: Bundle) -> None:
        # Shapes can promise what the graph does not keep; and the first run is the slow one.
        size = self.preprocessing.size
        answer = self.answer(np.zeros((2, size, size, 3), np.uint8))
        found = answer.probabilities
        if found.shape != (2, len(self.manifest.classes)) or not np.isfinite(found).all():
            raise _unusable(bundle, "it does not answer with one number for each class")
        if answer.novelty is not None and not np.isfinite(answer.novelty).all():
            raise _unusable(bundle, "its features are no numbers, or its limit is none")


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


def _distribution(bundle: Bundle) -> FeatureDistribution | None:
    if bundle.manifest.ood is None:
        return None
    key = layout.model_file(bundle.manifest.version, OOD_FILE)
    return FeatureDistribution.parse(bundle.read(OOD_FILE), bundle.store.address(key))


def _neighbours(bundle: Bundle) -> Neighbours | None:
    if NEIGHBOURS_FILE not in bundle.manifest.files:
        return None
    address = bundle.store.address(layout.model_file(bundle.manifest.version, NEIGHBOURS_FILE))
    return Neighbours.parse(bundle.read(NEIGHBOURS_FILE), address, len(bundle.manifest.classes))


def _signature(node: openvino.Output) -> tuple[str, str, list[int | None]]:
    """Name, type and shape; None stands for a size that is left open."""
    shape = [n.get_length() if n.is_static else None for n in node.partial_shape]
    return node.any_name, node.element_type.to_dtype().name, shape


def _unusable(bundle: Bundle, why: str) -> BundleError:
    return BundleError(
        f"model {bundle.manifest.version}", why, "Publish it again, or make another version live"
    )
