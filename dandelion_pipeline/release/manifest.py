"""The manifest of a model bundle: what the model is, what it was made from, how good it is."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.storage.sealed import seal, unseal

ONNX_FILE = "model.onnx"
WEIGHTS_FILE = "weights.safetensors"
TRAINING_FILE = "training.json"


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


class ClassMetrics(_Part):
    """How one class fared on the test split (all are shares from 0 to 1)."""

    precision: float
    recall: float
    f1: float
    support: int
    """Number of test photos of this class."""


class Metrics(_Part):
    """How the model fared on the test split, through the very ONNX file that is served."""

    accuracy: float
    log_loss: float
    test_photos: int
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]
    """Rows: the given label; columns: the predicted one; both in the order of ``classes``."""

    champion_version: str | None = None
    """The model that was live when this one was evaluated, if there was one."""

    champion_accuracy: float | None = None
    """Its accuracy on the same test photos."""


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
    """How a photo becomes the model's input; see `dandelion_pipeline.images.preprocess`."""

    temperature: float = 1.0
    """Logits are divided by this before the softmax."""

    data: DataSummary
    metrics: Metrics
    training: dict[str, Any]
    """The training configuration, and the epoch whose weights were kept."""

    code_version: str
    dagster_run: str
    mlflow_run: str
    files: dict[str, FileDigest]

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
