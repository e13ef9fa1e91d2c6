"""A training that is cut off and goes on ends with the bits of an undisturbed one."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pytest
import torch

from dandelion_pipeline.dataset.dataset import DatasetInfo
from dandelion_pipeline.errors import ExportError, ObjectDamaged, TrackingUnavailable, TrainingError
from dandelion_pipeline.release.manifest import WEIGHTS_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training import fit as fitting
from dandelion_pipeline.training.checkpoints import Checkpoint, capture, restore
from dandelion_pipeline.training.config import Precision, TrainingConfig
from dandelion_pipeline.training.fit import TrainedModel, fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.loop import Training, train
from dandelion_pipeline_tests.data.small_data_set import TINY

CONFIG = TrainingConfig(
    epochs=2, size=32, batch_size=6, rotation=10, erasing=0.5, mixing=0.5, device="cpu"
)
TIMEOUT = 60


def photos() -> tuple[TrainingPhotos, PreparedPhotos]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (12, 3, 48, 48), dtype=torch.uint8, generator=generator)
    labels = torch.arange(12) % 2
    prepared = pixels[:4, :, :32, :32].permute(0, 2, 3, 1).contiguous().numpy()
    validation = PreparedPhotos(prepared, labels[:4].numpy())
    return TrainingPhotos(pixels, torch.ones(12), labels), validation


def new_training(config: TrainingConfig = CONFIG) -> Training:
    return Training(*photos(), 2, config)


def weights_of(network: torch.nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in network.state_dict().values()]


@contextmanager
def two_threads() -> Iterator[None]:
    """As people train: one alone, as in `make test`, always adds in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed() -> list[bytes]:
    with two_threads():
        return weights_of(train(new_training(), lambda row: None))


def train_in(url: str, config: TrainingConfig, on_start: Callable[[int], None]) -> list[bytes]:
    """What a run does: go on from the store's checkpoint, and keep one after each epoch."""
    training = new_training(config)
    checkpoint = Checkpoint(open_store(url), "data", config)
    checkpoint.restore(training)
    on_start(training.epoch)
    return weights_of(train(training, lambda row: checkpoint.save(training)))


def victim(url: str, config: TrainingConfig, started: Connection, threads: int) -> None:
    torch.set_num_threads(threads)
    train_in(url, config, started.send)


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.stack)])
def test_killed_at_random_moments_a_training_ends_with_the_same_weights(
    kills: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    config = CONFIG.model_copy(update={"epochs": kills + 2})
    began = time.perf_counter()
    expected = train_in((tmp_path / "undisturbed").as_uri(), config, lambda epoch: None)
    pace = (time.perf_counter() - began) / (kills + 2)
    url, chance = (tmp_path / "killed").as_uri(), np.random.default_rng(6)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    went_on_from: list[int] = []
    for _ in range(kills):
        answers, started = context.Pipe(duplex=False)
        arguments = (url, config, started, torch.get_num_threads())
        process = context.Process(target=victim, args=arguments, daemon=True)
        process.start()
        assert answers.poll(TIMEOUT)
        went_on_from.append(answers.recv())
        time.sleep(chance.uniform(0, 1.5 * pace))
        process.kill()
        process.join(TIMEOUT)
        assert process.exitcode == -signal.SIGKILL
    assert train_in(url, config, went_on_from.append) == expected
    record_property("figure", f"killed {kills} times, gone on after epochs {went_on_from}")


@pytest.mark.parametrize("epoch", [1, CONFIG.epochs])
def test_from_each_epoch_a_training_goes_on_to_the_same_weights_and_curve(
    epoch: int, undisturbed: list[bytes]
) -> None:
    with two_threads():
        first = new_training()
        for _ in range(epoch):
            first.run_epoch()
        data = capture(first)
        second = new_training()
        restore(second, data)
        assert second.history == first.history
        assert weights_of(train(second, lambda row: None)) == undisturbed


def test_a_training_goes_on_in_the_middle_of_a_pass_over_the_photos() -> None:
    config = CONFIG.model_copy(update={"epochs": None, "steps": 16, "batch_size": 5})
    first = new_training(config)
    first.order = torch.tensor([7, 3, 5, 1, 2])  # a round ends wherever its steps do
    data = capture(first)
    expected = first.run_epoch().train_loss
    second = new_training(config)
    restore(second, data)
    assert second.run_epoch().train_loss == expected


@pytest.mark.parametrize("damage", ["cut", "empty", "other network", "other form"])
def test_a_damaged_checkpoint_leaves_the_training_as_it_was(damage: str) -> None:
    training = new_training()
    data = {
        "cut": capture(training)[:1000],
        "empty": b"",
        "other network": capture(Training(*photos(), 3, CONFIG)),
        "other form": capture(training).replace(b"average.", b"overage."),
    }[damage]
    with pytest.raises(ObjectDamaged, match="begins anew"):
        restore(training, data)
    assert weights_of(training.network) == weights_of(new_training().network)
    assert training.epoch == 0


def kept(store: Store) -> list[str]:
    return [found.key for found in store.list_objects(layout.CHECKPOINTS)]


class _FailsAfter:
    """Fails after an epoch, as a tracking server or a person might make it."""

    def __init__(self, epoch: int, error: BaseException) -> None:
        self.epochs: list[int] = []
        self._epoch = epoch
        self._error = error

    def __call__(self, row: EpochMetrics) -> None:
        self.epochs.append(row.epoch)
        if row.epoch == self._epoch:
            raise self._error


LATER = TrackingUnavailable("MLflow", "it did not answer", "Start it")


@pytest.fixture
def place(small_store: Store, tmp_path: Path) -> Store:
    """A store of one's own with the photos of `small_store`."""
    own = open_store((tmp_path / "own").as_uri())
    keys = [found.key for found in small_store.list_objects(layout.IMAGES)]
    list(own.put_many(small_store.get_many(keys)))
    return own


def fitted(store: Store, dataset: pa.Table) -> TrainedModel:
    return fit(store, dataset, TINY, lambda row: None)


def test_a_retry_goes_on_to_the_same_weights_says_so_and_leaves_no_checkpoint_behind(
    model: TrainedModel, place: Store, small_dataset: pa.Table
) -> None:
    first = _FailsAfter(1, LATER)
    with pytest.raises(TrackingUnavailable):
        fit(place, small_dataset, TINY, first)
    assert kept(place) == [Checkpoint(place, DatasetInfo.of(small_dataset).hash, TINY).key]
    second, resumed = _FailsAfter(0, LATER), list[EpochMetrics]()
    again = fit(place, small_dataset, TINY, second, resumed.extend)
    assert [row.epoch for row in resumed] == first.epochs == [1]
    assert second.epochs == [2]
    assert [row.epoch for row in again.record.history] == [1, 2]
    assert again.record.files[WEIGHTS_FILE] == model.record.files[WEIGHTS_FILE]
    assert kept(place) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TrainingError("it", "is", "hopeless")])
def test_who_cancels_or_cannot_succeed_leaves_no_checkpoint(
    place: Store, small_dataset: pa.Table, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        fit(place, small_dataset, TINY, _FailsAfter(1, error))
    assert kept(place) == []


def test_an_export_that_fails_keeps_the_training_for_when_it_can_be_exported(
    place: Store, small_dataset: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise ExportError("the exported model", "it answers otherwise", "Upgrade onnx")

    with monkeypatch.context() as broken:
        broken.setattr(fitting, "export", fail)
        for _ in range(2):
            with pytest.raises(ExportError):
                fitted(place, small_dataset)
            assert kept(place) == [Checkpoint(place, DatasetInfo.of(small_dataset).hash, TINY).key]
    trained = list[EpochMetrics]()
    assert fit(place, small_dataset, TINY, trained.append).record.history
    assert trained == []
    assert kept(place) == []


def test_another_configuration_or_other_data_begin_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    keys = {
        Checkpoint(store, "data", CONFIG).key,
        Checkpoint(store, "data", CONFIG.model_copy(update={"seed": 1})).key,
        Checkpoint(store, "other data", CONFIG).key,
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("machine", "there"),
    [
        ("torch.cuda.is_available", True),
        ("dandelion_pipeline.training.optimization.precision._cpu_multiplies_bf16", None),
    ],
    ids=["a machine with a GPU", "a CPU with other instructions"],
)
def test_what_auto_comes_to_is_part_of_it_so_another_kind_of_machine_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, there: bool | None
) -> None:
    store = open_store(tmp_path.as_uri())
    auto = CONFIG.model_copy(update={"device": "auto"})
    chosen = new_training(auto).choices
    resolved = auto.model_copy(update={"device": chosen.device, "precision": chosen.precision})
    here = Checkpoint(store, "data", auto).key
    assert here == Checkpoint(store, "data", resolved).key
    other = chosen.precision is not Precision.BF16 if there is None else there
    monkeypatch.setattr(machine, lambda: other)
    assert Checkpoint(store, "data", auto).key != here
    if chosen.device == "cpu" and chosen.precision is Precision.FP32:
        assert Checkpoint(store, "data", resolved).key == here


def test_the_record_of_a_training_says_on_what_it_was_computed(model: TrainedModel) -> None:
    choices = model.record.choices
    assert choices
    assert choices.device in ("cpu", "cuda")
    assert choices.precision not in (None, Precision.AUTO)
    assert f"in {choices.precision}" in choices.sentences()[-1]
