"""The training loop."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torchvision.transforms import v2

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.data import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.network import build_network
from dandelion_pipeline.training.transforms import Normalize, training_transforms

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class EpochMetrics:
    """One row of the learning curve; losses are mean cross-entropies in nats."""

    epoch: int
    """From 1 on."""

    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """The weights of the best epoch, and how training went."""

    network: nn.Module
    """On the CPU, in evaluation mode."""

    history: list[EpochMetrics]
    best: EpochMetrics
    """The epoch with the lowest validation loss: its weights were kept."""


def train(
    photos: TrainingPhotos,
    validation: PreparedPhotos,
    classes: int,
    config: TrainingConfig,
    on_epoch: Callable[[EpochMetrics], None],
) -> TrainingResult:
    """Train a network from scratch and keep its best epoch.

    What is validated and kept is a running average of the weights, which on a few hundred
    photos swings less than the weights themselves (Polyak and Juditsky, 1992).

    Args:
        photos: the training split.
        validation: the validation split.
        classes: the number of classes.
        config: every knob.
        on_epoch: called after each epoch, for progress and tracking.

    Raises:
        TrainingError: the device is not there, or the loss is no longer a number.
    """
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    network = build_network(classes).to(device)
    average = copy.deepcopy(network)
    optimizer, schedule = _optimizer(network, config, len(photos.pixels))
    loop = _Loop(network, average, optimizer, schedule, config, device)
    history: list[EpochMetrics] = []
    best, kept = None, average.state_dict()
    for epoch in range(1, config.epochs + 1):
        started = time.perf_counter()
        train_loss, train_accuracy = loop.train_one_epoch(photos)
        loss, accuracy = loop.validate(validation)
        rate = float(schedule.get_last_lr()[0])
        seconds = time.perf_counter() - started
        row = EpochMetrics(epoch, rate, train_loss, train_accuracy, loss, accuracy, seconds)
        history.append(row)
        on_epoch(row)
        if best is None or row.validation_loss <= best.validation_loss:
            best, kept = row, copy.deepcopy(average.state_dict())
    average.load_state_dict(kept)
    return TrainingResult(average.cpu().eval(), history, best or history[-1])


def pick_device(name: str) -> torch.device:
    """The device to train on: ``auto`` takes a GPU where there is one.

    Raises:
        TrainingError: ``cuda`` was asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device 'cuda'", "torch sees no GPU here", "Set device to 'auto' or 'cpu'"
        )
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _optimizer(
    network: nn.Module, config: TrainingConfig, photos: int
) -> tuple[Optimizer, LRScheduler]:
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    steps = config.epochs * batches_per_epoch(photos, config.batch_size)
    # At least two steps of it: PyTorch divides by the length of the warm-up, less one step.
    warmup = max(config.warmup, 2 / (steps + 1))
    return optimizer, OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps + 1, pct_start=warmup
    )


def batches_per_epoch(photos: int, batch_size: int) -> int:
    """Whole batches only, except when there is less than one: a batch of one has no variance."""
    return max(1, photos // batch_size)


@dataclass
class _Loop:
    network: nn.Module
    average: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    config: TrainingConfig
    device: torch.device

    def __post_init__(self) -> None:
        self._augment: v2.Compose = training_transforms(self.config)
        self._normalize = Normalize(self.config.preprocessing).to(self.device)
        self._steps = 0

    def train_one_epoch(self, photos: TrainingPhotos) -> tuple[float, float]:
        """Mean loss and accuracy over one pass."""
        self.network.train()
        order = torch.randperm(len(photos.pixels))
        batches = batches_per_epoch(len(order), self.config.batch_size)
        loss_sum, correct, seen = 0.0, 0, 0
        for batch in order[: batches * self.config.batch_size].split(self.config.batch_size):
            pixels = torch.stack([self._augment(photos.pixels[i]) for i in batch.tolist()])
            labels = photos.labels[batch].to(self.device)
            loss, logits = self._step(pixels.to(self.device), labels)
            loss_sum += loss * len(batch)
            correct += int((logits.argmax(1) == labels).sum())
            seen += len(batch)
        return loss_sum / seen, correct / seen

    def _step(self, pixels: torch.Tensor, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        inputs = self._normalize(pixels).contiguous(memory_format=torch.channels_last)
        logits = self.network(inputs)
        loss = cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        value = loss.item()
        if math.isnan(value):
            raise TrainingError(
                "the training loss",
                "it is no longer a number",
                "Lower learning_rate; most often it is too high",
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self._update_average()
        return value, logits.detach()

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average; early on it forgets faster, or it would keep the first weights.

        Source of the warm-up: `tf.train.ExponentialMovingAverage`.
        """
        self._steps += 1
        decay = min(self.config.ema_decay, (1 + self._steps) / (10 + self._steps))
        ours, theirs = self.average.state_dict(), self.network.state_dict()
        for name, value in ours.items():
            if value.dtype.is_floating_point:
                value.lerp_(theirs[name], 1 - decay)
            else:
                value.copy_(theirs[name])

    @torch.inference_mode()
    def validate(self, photos: PreparedPhotos) -> tuple[float, float]:
        """Loss and accuracy of the averaged weights."""
        self.average.eval()
        pixels = torch.from_numpy(photos.pixels).permute(0, 3, 1, 2)
        logits = torch.cat(
            [
                self.average(self._normalize(part.to(self.device)))
                for part in pixels.split(EVALUATION_BATCH)
            ]
        ).cpu()
        labels = torch.from_numpy(photos.labels)
        accuracy = float((logits.argmax(1) == labels).float().mean())
        return float(cross_entropy(logits, labels)), accuracy
