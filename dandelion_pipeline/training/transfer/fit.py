"""One training of the transfer model, from a data set to files."""

import time
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.networks.transfer import TRANSFER
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.choices import Choices
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.export.neighbours import with_neighbours
from dandelion_pipeline.training.export.onnx_graphs import compared_training_photos, export
from dandelion_pipeline.training.fit import Ended, TrainedModel, trained_model
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline.training.transfer.learning import Task, learn

_NO_MIRROR = "the backbone sees each photo as it is"


def fit_transfer(
    store: Store,
    dataset: pa.Table,
    config: TrainingConfig,
    on_round: Callable[[EpochMetrics], None] = lambda row: None,
    on_choice: Callable[[str], None] = lambda sentence: None,
) -> TrainedModel:
    """Learn from a data set, and export backbone and head as one graph.

    Args:
        store: where the photos lie; features that are there are not computed again.
        dataset: as made by `dataset.dataset.build_dataset`.
        config: `imbalance`, `device` and `seed` count.
        on_round: as of `learning.learn`.
        on_choice: as of `learning.learn`.

    Raises:
        TrainingError: the device or the pinned weights are not there.
        ExportError: the exported graph does not answer as the network does.
    """
    started = time.perf_counter()
    task = Task.of(store, dataset, config)
    learnt = learn(task, on_round, on_choice)
    some = task.rows.slice(0, compared_training_photos(len(task.validation.labels)))
    compared = load_prepared(store, some, task.classes, config.preprocessing)
    frozen = not learnt.is_tuned
    network, validation = learnt.network, task.validation
    exported = export(network, config.preprocessing, compared, validation, frozen=frozen)
    exported = with_neighbours(exported, store, task.rows, task.classes, config.preprocessing)
    if frozen:
        of_each = dict.fromkeys(exported.temperatures, learnt.temperature)
        exported = replace(exported, temperatures=of_each)
    choices = Choices(
        mirror=False,
        mirror_reason=_NO_MIRROR,
        imbalance=task.balance.method,
        imbalance_reason=task.balance.reason(config.imbalance),
        tuning=learnt.sentence(),
        device=pick_device(config.device).type,
    )
    ended = Ended(TRANSFER, config, learnt.history, choices)
    return trained_model(ended, exported, dataset, time.perf_counter() - started)
