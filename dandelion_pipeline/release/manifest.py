"""The manifest of a model bundle: what the model is, what it was made from, how good it is."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.ood import OutOfDistribution
from dandelion_pipeline.storage.records.sealed import seal, unseal

ONNX_FILE = "model.onnx"
INT8_FILE = "model.int8.onnx"
WEIGHTS_FILE = "weights.safetensors"

Form = Literal["int8", "fp32"]
"""In which numbers a graph computes: 8-bit integers, or 32-bit floats."""

GRAPHS: dict[Form, str] = {"int8": INT8_FILE, "fp32": ONNX_FILE}
"""The file of each form."""

NUMBERS: dict[Form, str] = {"int8": "8-bit integers", "fp32": "32-bit floats"}
"""Each form in words."""

TRAINING_FILE = "training.json"
EVALUATION_FILE = "evaluation.json"
CARD_MARKDOWN = "MODEL_CARD.md"
CARD_HTML = "MODEL_CARD.html"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileDigest(_Part):
    """What one file of the bundle must be: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


class DataSummary(_Part):
    """The data set that a model was trained on."""

    hash: str
    """The content hash of the data set's table."""

    is_sample: bool
    """True if the photos were generated: such a model shows how things work and nothing else."""

    counts: dict[str, dict[str, int]]
    """Photos by class, then by split (``train``, ``validation``, ``test``)."""

    snapshot: str | None = None
    """The SHA-256 of the table's bytes, which is its name in the store; None in older bundles."""


Interval = tuple[float, float]
"""Wilson's interval of a share, at 95 %."""


class ClassMetrics(_Part):
    """How one class fared on the test split (all are shares from 0 to 1)."""

    precision: float
    recall: float
    f1: float
    support: int
    """Number of test photos of this class."""

    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    roc_auc: float | None = None
    """Area under the ROC curve of this class against the rest; null without photos of both."""

    average_precision: float | None = None
    """Area under the precision-recall curve, as a sum of steps."""


BELIEVABLE = 0.8
"""An answer is believed if of test photos with such a confidence at least this share was right."""


class CalibrationBin(_Part):
    """Test photos of about the same confidence (the probability of the predicted class)."""

    photos: int
    confidence: float
    """Their mean confidence."""

    accuracy: float
    accuracy_interval: Interval | None


class Calibration(_Part):
    """Whether probabilities mean what they say; `statistics.calibration` defines them."""

    ece: float
    """Expected calibration error of the served probabilities, in bins of equal numbers."""

    ece_before: float
    """The same at temperature 1."""

    ece_by_chance: float
    """What it would be on average on so few photos, if these probabilities were true."""

    ece_at_most_by_chance: float
    """What it would exceed in one test of twenty if they were."""

    log_loss_before: float
    """Mean cross-entropy at temperature 1, in nats; ``Metrics.log_loss`` is the one after."""

    bins: list[CalibrationBin]
    bins_before: list[CalibrationBin]

    @property
    def unsure_below(self) -> float | None:
        """The confidence below which too few answers are right to be believed, if there is any.

        From the least sure test photos on, every bin counts in which fewer than `BELIEVABLE` are
        right; the limit lies half-way to the next one, or above them all.
        """
        bins = sorted(self.bins, key=lambda one: one.confidence)
        bad = next((n for n, one in enumerate(bins) if one.accuracy >= BELIEVABLE), len(bins))
        if not bad:
            return None
        above = bins[bad].confidence if bad < len(bins) else 1.0
        return (bins[bad - 1].confidence + above) / 2


class SliceMetrics(_Part):
    """How the model fared on a part of the test split."""

    by: str
    """What the photos have in common: ``brightness``, ``day``…"""

    name: str
    photos: int
    accuracy: float
    accuracy_interval: Interval | None


class Metrics(_Part):
    """How the model fared on the test split, through the very ONNX file that is served.

    What has a default is not in manifests of before there was a model card.
    """

    accuracy: float
    log_loss: float
    test_photos: int
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]
    """Rows: the given label; columns: the predicted one; both in the order of ``classes``."""

    champion_version: str | None = None
    """The model that was live when this one was evaluated, if there was one."""

    champion_accuracy: float | None = None
    """Its accuracy on the test photos that neither model has seen in training."""

    champion_interval: Interval | None = None
    compared_photos: int | None = None
    """How many test photos these are; None in bundles that counted all of them."""

    lost: int | None = None
    """Of these, photos that the champion gets right and this model wrong."""

    gained: int | None = None
    """Of these, photos that this model gets right and the champion wrong."""

    accuracy_interval: Interval | None = None
    balanced_accuracy: float | None = None
    """Mean recall of the classes that have test photos; None in older bundles."""

    macro_f1: float | None = None
    """Mean F1 of the classes that have test photos or were predicted; None in older bundles."""

    outside: int | None = None
    """Test photos that it takes for another kind of photo, each a false alarm; None if it cannot
    tell."""

    calibration: Calibration | None = None
    slices: list[SliceMetrics] = []


class Manifest(_Part):
    """Everything that a reader of a bundle may rely on."""

    format: Literal[1] = 1
    version: str
    created: str
    """When the bundle was finished (ISO 8601, UTC)."""

    architecture: str
    classes: list[str] = Field(min_length=2)
    """Class names, in the order of the model's outputs."""

    preprocessing: dict[str, Any]
    """How a photo becomes the model's input; see `images.decoding.preprocess`."""

    temperature: float = 1.0
    """Logits are divided by this before the softmax."""

    data: DataSummary
    metrics: Metrics
    fp32: Agreement | None = None
    """Of `ONNX_FILE`; None in bundles made before it was measured."""

    int8: Agreement | None = None
    """Of `INT8_FILE`; None if there is no such file."""

    served_as: Form | None = None
    """The graph that was judged; None in older bundles, which were judged in floats."""

    served_because: str = ""
    """Why that one, as the end of a sentence."""

    temperatures: dict[Form, float] = {}
    """By graph; ``temperature`` is that of the one that was judged. Empty in older bundles."""

    golden: GoldenExamples | None = None
    """About `golden.GOLDEN_FILE`; None if there is no such file."""

    ood: OutOfDistribution | None = None
    """About `ood.OOD_FILE`; None if there is no such file."""

    training: dict[str, Any]
    """The training configuration, and the epoch whose weights were kept."""

    code_version: str
    dagster_run: str
    mlflow_run: str
    files: dict[str, FileDigest]

    @property
    def form(self) -> Form:
        """The graph that is served unless an operator wants the other one."""
        return self.served_as or ("int8" if self.int8 and self.int8.agrees else "fp32")

    @property
    def served_in_words(self) -> str:
        """The graph that is served unless an operator wants the other one, and why."""
        reason = f": {self.served_because}" if self.served_because else ""
        return f"{NUMBERS[self.form]}{reason}"

    def temperature_of(self, form: Form) -> float:
        """What the logits of one of the graphs are divided by."""
        return self.temperatures.get(form, self.temperature)

    @classmethod
    def parse(cls, data: bytes, origin: str) -> "Manifest":
        """Read a manifest.

        Args:
            data: the JSON document.
            origin: where it came from, for the error message.

        Raises:
            BundleError: it is not as it was written, or not a manifest of format 1.
        """
        document = unseal(data)
        if document is None:
            raise BundleError(
                f"the manifest {origin}",
                "its seal is missing or broken: it is not as it was written",
                "Roll back to an earlier model (`dandelion releases rollback`) or publish again",
            )
        try:
            return cls.model_validate_json(document)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise BundleError(
                f"the manifest {origin}",
                f"{where}: {first['msg']}",
                "The bundle comes from another release of this product; "
                "roll back to an earlier model or publish again",
            ) from None

    def to_json(self) -> bytes:
        """The manifest as a JSON document that a person can read, with its seal."""
        return seal(self.model_dump_json(indent=2).encode())
