"""What is learnt of a data set: a head on the backbone, and its last stages where that helps."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch

from dandelion_pipeline.dataset.dataset import TRAIN, VALIDATION, DatasetInfo, rows_of
from dandelion_pipeline.embeddings.backbone import pretrained_weights
from dandelion_pipeline.embeddings.embedding import backbone_embedder, stages
from dandelion_pipeline.networks.transfer import HeadInputs, TransferNetwork
from dandelion_pipeline.statistics.calibration import Floats, Labels, negative_log_likelihood
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, load_prepared
from dandelion_pipeline.training.transfer import tuning
from dandelion_pipeline.training.transfer.head import Head, choose_head, numbers_of

_LOADED = 1_000  # photos at once: their pixels take 77 MB


@dataclass(frozen=True)
class Task:
    """A data set to learn from."""

    store: Store
    config: TrainingConfig
    classes: list[str]
    rows: pa.Table
    """Of the training split."""

    labels: Labels
    """Of the training split, as numbers of classes."""

    balance: Balance
    held_out: pa.Table
    """Rows of the validation split."""

    validation: PreparedPhotos

    @classmethod
    def of(cls, store: Store, dataset: pa.Table, config: TrainingConfig) -> "Task":
        """Load what is needed of a data set that `dataset.dataset.build_dataset` made."""
        classes = DatasetInfo.of(dataset).classes
        rows, held_out = rows_of(dataset, TRAIN), rows_of(dataset, VALIDATION)
        labels = numbers_of(rows, classes)
        balance = Balance.of(config.imbalance, torch.from_numpy(labels), len(classes))
        validation = load_prepared(store, held_out, classes, config.preprocessing)
        return cls(store, config, classes, rows, labels, balance, held_out, validation)


@dataclass(frozen=True)
class Learnt:
    """A network, and how it came about."""

    network: TransferNetwork
    history: list[EpochMetrics]
    """The first round is the head alone; the others are those of tuning."""

    temperature: float
    """Of the head, by cross-validation; that of a tuned network has to be fitted anew."""

    because: str
    """Why it is tuned, or not; empty while that is open."""

    is_tuned: bool = False

    def sentence(self) -> str:
        """Whether the last stages were tuned, and why."""
        return f"last stages {'tuned' if self.is_tuned else 'not tuned'}: {self.because}"


def learn(
    task: Task, on_round: Callable[[EpochMetrics], None], on_choice: Callable[[str], None]
) -> Learnt:
    """Choose a head, and tune the last stages if there are photos to tell whether that helps.

    Args:
        task: what to learn from.
        on_round: is told of the head, which is the first round, and of each round of tuning.
        on_choice: is told whether the last stages are tuned, and whether that helped.

    Raises:
        TrainingError: the device or the pinned weights are not there.
    """
    started = time.perf_counter()
    embedder = backbone_embedder(task.config.device)
    seen, theirs = (
        torch.from_numpy(stages(task.store, embedder, one)) for one in (task.rows, task.held_out)
    )
    inputs = HeadInputs()
    inputs.fit(seen)
    features, groups = inputs(seen).numpy(), task.rows["group"].to_pylist()
    chosen = choose_head(features, task.labels, groups, task.balance, task.config.seed)
    logits = chosen.head.logits(inputs(theirs).numpy())
    first = replace(
        _measured(task, chosen.head.logits(features), logits),
        seconds=time.perf_counter() - started,
    )
    on_round(first)
    network, why = _network(chosen.head, inputs), why_not_tuned(task.labels, chosen.accuracy)
    learnt = Learnt(network, [first], chosen.temperature, why)
    if not learnt.because:
        on_choice(f"the last stages are tuned in {tuning.ROUNDS} rounds")
        learnt = _tuned(learnt, task, logits, on_round)
    on_choice(learnt.sentence())
    return learnt


def why_not_tuned(labels: Labels, accuracy: float) -> str:
    """Why nothing is tuned; empty if it is tried.

    Args:
        labels: of the training photos.
        accuracy: of the head in cross-validation within them.
    """
    if len(labels) < tuning.FEWEST_PHOTOS:
        needed = f"{tuning.FEWEST_PHOTOS:,} are needed"
        return f"{len(labels)} training photos are too few to tell whether that helps ({needed})"
    if accuracy >= tuning.NOTHING_TO_GAIN:
        return f"the head alone is right on {accuracy:.1%} in cross-validation"
    return ""


def _tuned(
    linear: Learnt, task: Task, before: Floats, on_round: Callable[[EpochMetrics], None]
) -> Learnt:
    """The network after tuning if that helped, or the linear one.

    Args:
        linear: a head on the backbone as it is.
        task: what to learn from.
        before: logits of the linear one for the validation split.
        on_round: is told of each round.
    """
    prepared, rounds = task.config.preprocessing, list(linear.history)

    def keep_and_tell(row: EpochMetrics) -> None:
        rounds.append(row)
        on_round(row)

    some = task.rows.slice(0, tuning.MOST_PHOTOS)  # in the order of their hashes, a random one
    parts = []
    for start in range(0, some.num_rows, _LOADED):
        loaded = load_prepared(task.store, some.slice(start, _LOADED), task.classes, prepared)
        parts.append(tuning.trunk_maps(linear.network, loaded.pixels, prepared))
    labels = torch.from_numpy(task.labels[: some.num_rows])
    photos = tuning.Photos(torch.cat(parts), labels)
    network = tuning.tune(
        linear.network, photos, task.validation, task.balance, task.config, keep_and_tell
    )
    after = tuning.logits_of(network, task.validation.pixels, prepared)
    verdict = tuning.helped(before, after, task.validation.labels)
    if not verdict.helps:
        return replace(linear, because=verdict.reason)
    return Learnt(network, rounds, linear.temperature, verdict.reason, is_tuned=True)


def _measured(task: Task, logits: Floats, held_out: Floats) -> EpochMetrics:
    """The head alone, on the training and the validation split."""
    expected = task.validation.labels
    return EpochMetrics(
        epoch=1,
        learning_rate=0.0,
        train_loss=negative_log_likelihood(logits, task.labels),
        train_accuracy=_accuracy(logits, task.labels),
        validation_loss=negative_log_likelihood(held_out, expected),
        validation_accuracy=_accuracy(held_out, expected),
        seconds=0.0,
    )


def _network(head: Head, inputs: HeadInputs) -> TransferNetwork:
    network = TransferNetwork(len(head.bias))
    network.inputs = inputs
    network.backbone.load_state_dict(pretrained_weights())
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weights))
        network.head.bias.copy_(torch.from_numpy(head.bias))
    network.eval().backbone.fuse()
    return network.to(memory_format=torch.channels_last)  # a third faster to train


def _accuracy(logits: Floats, labels: Labels) -> float:
    return float(np.mean(logits.argmax(axis=1) == labels))
