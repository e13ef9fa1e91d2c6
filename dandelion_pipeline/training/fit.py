"""One training from a data set to files: what the asset `trained_model` does."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import torch
from pydantic import BaseModel, ConfigDict, model_validator

from dandelion_pipeline.dataset.dataset import TRAIN, VALIDATION, DatasetInfo, rows_of
from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.resnet import ARCHITECTURE
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.bundle import digests
from dandelion_pipeline.release.manifest import (
    GRAPHS,
    NUMBERS,
    TRAINING_FILE,
    WEIGHTS_FILE,
    DataSummary,
    FileDigest,
    Form,
)
from dandelion_pipeline.release.ood import OutOfDistribution
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import parquet_bytes
from dandelion_pipeline.training.checkpoints import Checkpoint
from dandelion_pipeline.training.choices import Choices
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.export.neighbours import with_neighbours
from dandelion_pipeline.training.export.onnx_graphs import (
    Exported,
    compared_training_photos,
    export,
)
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.initial_weights import starting_weights
from dandelion_pipeline.training.inputs.loading import load_prepared, load_training
from dandelion_pipeline.training.loop import Training, train
from dandelion_pipeline.training.optimization.budget import Plan
from dandelion_pipeline.training.pace import Outlook, outlook


class TrainingRecord(BaseModel):
    """What is known of a model when its training ends; `training.json` in its bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    architecture: str
    classes: list[str]
    preprocessing: Preprocessing
    data: DataSummary
    config: TrainingConfig
    history: list[EpochMetrics]
    seconds: float
    torch_version: str
    fp32: Agreement | None = None
    int8: Agreement | None = None
    golden: GoldenExamples | None = None
    """How the exported files answer; None in records from before that was measured."""

    ood: OutOfDistribution | None = None
    """What the bundle knows of its training photos' features; None in records of before."""

    files: dict[str, FileDigest]
    temperature: float = 1.0
    """Logits of the served graph are divided by it; fitted on the validation split."""

    served_as: Form | None = None
    """Which graph is judged and served; None in records of before, when it was that in floats."""

    served_because: str = ""
    temperatures: dict[Form, float] = {}
    """Of each graph."""

    plan: Plan | None = None
    """How long it was to train; None in records of when that was in epochs."""

    choices: Choices | None = None
    """What ``auto`` came to; None in records of when there was nothing to choose."""

    @model_validator(mode="before")
    @classmethod
    def _without_best_epoch(cls, document: object) -> object:
        """Records of before named the last round twice."""
        if isinstance(document, dict):
            return {name: value for name, value in document.items() if name != "best_epoch"}
        return document

    @property
    def rounds(self) -> int:
        """Epochs or rounds that were trained; the weights are those after the last one."""
        return len(self.history)

    @property
    def served_in_words(self) -> str:
        """The graph that is judged and served, and why."""
        return f"{NUMBERS[self.served_as or 'fp32']}: {self.served_because or 'no other is known'}"


@dataclass(frozen=True)
class TrainedModel:
    """A model that has been trained and not judged yet."""

    record: TrainingRecord
    files: Mapping[str, bytes]
    """Two graphs, the weights, the golden examples and what is known of the training photos, as
    `onnx_graphs.export` and `neighbours.with_neighbours` make them."""

    @property
    def onnx(self) -> bytes:
        """The graph that is judged and served."""
        return self.files[GRAPHS[self.record.served_as or "fp32"]]

    def bundle_files(self) -> dict[str, bytes]:
        """All files that belong into the bundle."""
        record = self.record.model_dump_json(indent=2).encode() + b"\n"
        return {**self.files, TRAINING_FILE: record}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "TrainedModel":
        """Read back what `bundle_files` gave.

        Raises:
            BundleError: a file is not what the record says.
        """
        record = TrainingRecord.model_validate_json(files[TRAINING_FILE])
        models = {name: files[name] for name in record.files}
        if digests(models) != record.files:
            raise BundleError(
                f"the trained model {record.version}",
                "its files are not those that training wrote",
                "Materialise trained_model again",
            )
        return cls(record, models)


def fit(
    store: Store,
    dataset: pa.Table,
    config: TrainingConfig,
    on_epoch: Callable[[EpochMetrics], None],
    on_resume: Callable[[Sequence[EpochMetrics]], None] = lambda rows: None,
    on_start: Callable[[Outlook], None] = lambda outlook: None,
) -> TrainedModel:
    """Train on a data set, and export what it ends with.

    A training of the same data and configuration that was killed, or failed in a way that may
    heal, is gone on with: a checkpoint lies in the store after each round, and nowhere afterwards.

    Args:
        store: where the photos lie.
        dataset: as made by `dataset.dataset.build_dataset`.
        config: every knob.
        on_epoch: called after each round, see `budget.Plan`.
        on_resume: called with the rounds that need not be made again, if there are any.
        on_start: called before that, with what is ahead.

    Raises:
        TrainingError: training cannot start, or went wrong.
    """
    started = time.perf_counter()
    info = DatasetInfo.of(dataset)
    rows = rows_of(dataset, TRAIN)  # in the order of their hashes, which is a random one
    photos = load_training(store, rows, info.classes, config.preprocessing)
    validation = load_prepared(
        store, rows_of(dataset, VALIDATION), info.classes, config.preprocessing
    )
    weights = starting_weights(store, config)
    training = Training(photos, validation, len(info.classes), config, weights)
    checkpoint = Checkpoint(store, info.hash, config)

    def keep_and_tell(row: EpochMetrics) -> None:
        checkpoint.save(training)
        on_epoch(row)

    with checkpoint.for_retries():
        resumed = checkpoint.restore(training)
        on_start(outlook(training))
        if resumed:
            on_resume(training.history)
        network = train(training, keep_and_tell)
        some = rows.slice(0, compared_training_photos(len(validation.labels)))
        compared = load_prepared(store, some, info.classes, config.preprocessing)
        exported = export(network, config.preprocessing, compared, validation)
        exported = with_neighbours(exported, store, rows, info.classes, config.preprocessing)
    ended = Ended(ARCHITECTURE, config, training.history, training.choices, training.plan)
    return trained_model(ended, exported, dataset, time.perf_counter() - started)


@dataclass(frozen=True)
class Ended:
    """A training that is over."""

    architecture: str
    config: TrainingConfig
    history: list[EpochMetrics]
    choices: Choices
    plan: Plan | None = None


def trained_model(
    ended: Ended, exported: Exported, dataset: pa.Table, seconds: float
) -> TrainedModel:
    """The files of a training and what is known of it."""
    info = DatasetInfo.of(dataset)
    record = TrainingRecord(
        version=_new_version(exported.files[WEIGHTS_FILE]),
        architecture=ended.architecture,
        classes=info.classes,
        preprocessing=ended.config.preprocessing,
        data=DataSummary(
            hash=info.hash,
            is_sample=info.is_sample,
            counts=info.counts,
            snapshot=sha256_hex(parquet_bytes(dataset)),
        ),
        config=TrainingConfig.model_validate(ended.config.model_dump()),
        history=ended.history,
        seconds=seconds,
        torch_version=torch.__version__,
        fp32=exported.fp32,
        int8=exported.int8,
        golden=exported.golden,
        ood=exported.ood,
        files=digests(exported.files),
        temperature=exported.temperatures[exported.served.form],
        served_as=exported.served.form,
        served_because=exported.served.because,
        temperatures=exported.temperatures,
        plan=ended.plan,
        choices=ended.choices,
    )
    return TrainedModel(record, exported.files)


def _new_version(weights: bytes) -> str:
    """A version that sorts by time and names the weights: ``20261123-114512-3fa9c1d2``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{sha256_hex(weights)[:8]}"
