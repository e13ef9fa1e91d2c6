import copy

import numpy as np
import pyarrow as pa
import pytest
import torch

from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.networks.transfer import TransferNetwork
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Imbalance, Model, TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import PreparedPhotos
from dandelion_pipeline.training.transfer import tuning
from dandelion_pipeline.training.transfer.learning import Task, learn, why_not_tuned
from dandelion_pipeline.training.transfer.tuning import Photos, helped, trunk_maps, tune

CONFIG = TrainingConfig(model=Model.TRANSFER, device="cpu")
SMALL = PREPROCESSING.model_copy(update={"size": 64})


def pictures(count: int, seed: int) -> PreparedPhotos:
    """Noise, in which one class is brighter above and the other below."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 156, (count, 64, 64, 3), dtype=np.uint8)
    pixels[labels == 0, :32] += 100
    pixels[labels == 1, 32:] += 100
    return PreparedPhotos(pixels, labels)


@pytest.fixture(scope="module")
def network() -> TransferNetwork:
    torch.manual_seed(0)
    made = TransferNetwork(2).eval()
    made.backbone.fuse()
    return made


def tuned(network: TransferNetwork) -> tuple[TransferNetwork, list[EpochMetrics]]:
    photos, validation = pictures(64, 0), pictures(32, 1)
    labels = torch.from_numpy(photos.labels)
    maps = trunk_maps(network, photos.pixels, SMALL)
    balance = Balance.of(Imbalance.NONE, labels, 2)
    rows: list[EpochMetrics] = []
    return tune(network, Photos(maps, labels), validation, balance, CONFIG, rows.append), rows


def test_the_last_stages_are_trained_and_the_others_stay(network: TransferNetwork) -> None:
    before = copy.deepcopy(network.state_dict())
    found, rows = tuned(network)
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    changed = {
        name for name, now in found.state_dict().items() if not torch.equal(before[name], now)
    }
    last = tuple(f"backbone.blocks.{number}." for number in range(11, 16))
    assert changed >= {"head.weight", "backbone.head.convolution.weight"}
    assert all(name.startswith((*last, "backbone.head.", "head.")) for name in changed)
    assert [row.epoch for row in rows] == list(range(2, 2 + tuning.ROUNDS))
    assert np.isfinite([row.validation_loss for row in rows]).all()


def test_the_same_seed_gives_the_same_network(network: TransferNetwork) -> None:
    one, other = (tuned(network)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def answers(right: np.ndarray, certainty: float) -> np.ndarray:
    """Logits of two classes for photos of the first one."""
    return np.stack([np.where(right, certainty, -certainty), np.zeros(len(right))], axis=1)


def test_a_gain_that_luck_does_not_explain_helps() -> None:
    right = np.arange(200) % 4 > 0
    better = right | (np.arange(200) % 8 == 0)
    labels = np.zeros(200, np.int64)
    verdict = helped(answers(right, 1.0), answers(better, 2.0), labels)
    assert verdict.helps
    assert "on 200 photos of the validation split" in verdict.reason


def test_a_gain_of_one_photo_and_a_loss_do_not_help() -> None:
    right = np.arange(200) % 4 > 0
    one_more = right.copy()
    one_more[0] = True
    labels = np.zeros(200, np.int64)
    for after in (one_more, right, right & (np.arange(200) % 8 != 1)):
        verdict = helped(answers(right, 1.0), answers(after, 1.0), labels)
        assert not verdict.helps
        assert "did not help" in verdict.reason


def test_few_photos_and_a_head_that_is_right_are_not_tuned() -> None:
    many = np.zeros(tuning.FEWEST_PHOTOS, np.int64)
    assert why_not_tuned(many, 0.8) == ""
    assert "999 training photos are too few" in why_not_tuned(many[1:], 0.8)
    assert "right on 99.5%" in why_not_tuned(many, 0.995)


@pytest.mark.parametrize("helps", [True, False])
def test_the_tuned_network_is_taken_if_it_helped(
    small_store: Store, small_dataset: pa.Table, monkeypatch: pytest.MonkeyPatch, *, helps: bool
) -> None:
    monkeypatch.setattr(tuning, "FEWEST_PHOTOS", 2)
    monkeypatch.setattr(tuning, "NOTHING_TO_GAIN", 2.0)
    monkeypatch.setattr(tuning, "SIGNIFICANT", -1e9 if helps else 1e9)
    said: list[str] = []
    rows: list[EpochMetrics] = []
    learnt = learn(Task.of(small_store, small_dataset, CONFIG), rows.append, said.append)
    assert [row.epoch for row in rows] == list(range(1, 2 + tuning.ROUNDS))
    assert learnt.is_tuned == helps
    assert learnt.history == (rows if helps else rows[:1])
    assert learnt.sentence() == said[-1]
    assert said[-1].startswith(f"last stages {'tuned' if helps else 'not tuned'}: ")
