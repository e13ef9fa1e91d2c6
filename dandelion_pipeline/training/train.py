"""The training loop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.training.augment import Augmentation
from dandelion_pipeline.training.average import WeightAverage
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.data import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.network import build_network
from dandelion_pipeline.training.optimize import Optimization
from dandelion_pipeline.training.precision import Arithmetic
from dandelion_pipeline.training.transforms import Normalize
from dandelion_pipeline.training.weights import Weights, apply_weights

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class EpochMetrics:
    """One row of the learning curve; losses are mean cross-entropies in nats."""

    epoch: int
    """From 1 on."""

    learning_rate: float
    train_loss: float
    train_accuracy: float
    """Of augmented photos; where two are mixed, the one that makes up more of it counts."""

    validation_loss: float
    validation_accuracy: float
    seconds: float


def batches_per_epoch(photos: int, batch_size: int) -> int:
    """Whole batches only, except when there is less than one: a batch of one has no variance."""
    return max(1, photos // batch_size)


class Training:
    """A training between two epochs.

    Args:
        photos: the training split.
        validation: the validation split, for the curve; nothing is chosen by it.
        classes: the number of classes.
        config: every knob.
        weights: what `training.weights.starting_weights` found, if anything.

    Raises:
        TrainingError: the device or the precision is not there, or the weights do not fit.
    """

    def __init__(
        self,
        photos: TrainingPhotos,
        validation: PreparedPhotos,
        classes: int,
        config: TrainingConfig,
        weights: Weights | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.arithmetic = Arithmetic.of(config.device, config.precision)
        device = self.arithmetic.device
        self.network = build_network(classes, zero_init_residual=True).to(device)
        if weights is not None:
            apply_weights(self.network, weights, config.weights)
        self.average = WeightAverage(self.network, config.ema_decay)
        self.scaler = self.arithmetic.scaler()
        self._batches = batches_per_epoch(len(photos.labels), config.batch_size)
        self.optimization = Optimization(self.network, config, config.epochs * self._batches)
        self.history: list[EpochMetrics] = []
        self._photos = photos
        self._shrunk = photos, config.size
        self._validation = validation
        self._normalize = Normalize(config.preprocessing).to(device)
        self._augment = Augmentation(config, classes, self._normalize.mean)

    @property
    def epoch(self) -> int:
        """How many epochs have been made."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """How many steps have been made."""
        return self.epoch * self._batches

    def run_epoch(self) -> EpochMetrics:
        """Train on each photo once, then validate."""
        started = time.perf_counter()
        rate = self.optimization.rate(self.steps)
        train_loss, train_accuracy = self._train_one_epoch()
        loss, accuracy = self._validate()
        seconds = time.perf_counter() - started
        row = EpochMetrics(
            self.epoch + 1, rate, train_loss, train_accuracy, loss, accuracy, seconds
        )
        self.history.append(row)
        return row

    def _train_one_epoch(self) -> tuple[float, float]:
        """Mean loss and accuracy over one pass."""
        self.network.train()
        device, size = self.arithmetic.device, self.config.batch_size
        photos, crop = self._photos_and_crop()
        order = torch.randperm(len(photos.labels))[: self._batches * size]
        losses = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        for number, batch in enumerate(order.split(size)):
            pixels, shares = self._augment(
                photos.pixels[batch].to(device),
                photos.aspects[batch],
                photos.labels[batch].to(device),
                crop,
            )
            loss, logits = self._step(pixels, shares, self.steps + number)
            losses += loss * len(batch)
            correct += (logits.argmax(1) == shares.argmax(1)).sum()
        # Read once an epoch: each reading makes the processor wait for a GPU.
        mean = float(losses) / len(order)
        if math.isnan(mean):
            raise TrainingError(
                "the training loss",
                "it is no longer a number",
                "Lower learning_rate; most often it is too high",
            )
        return mean, int(correct) / len(order)

    def _photos_and_crop(self) -> tuple[TrainingPhotos, int]:
        """What this epoch is trained on, and the size of its crops in pixels.

        Small crops first: they take less time, and the network goes on from what they taught it
        (Howard, 2018, "Training Imagenet in 3 hours"; Tan and Le, 2021, arXiv:2104.00298).
        """
        crop = self.config.crop_size(self.epoch)
        if self._shrunk[1] != crop:
            self._shrunk = self._photos.shrunk(crop), crop
        return self._shrunk

    def _step(
        self, pixels: torch.Tensor, shares: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with self.arithmetic.autocast():
            logits = self.network(self._normalize(pixels)).float()
            loss = cross_entropy(logits, shares, label_smoothing=self.config.label_smoothing)
        self.optimization.step(loss, self.scaler, number)
        self.average.update(number + 1)
        return loss.detach(), logits.detach()

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy of the averaged weights."""
        pixels = torch.from_numpy(self._validation.pixels).permute(0, 3, 1, 2)
        with self.arithmetic.autocast():
            logits = torch.cat(
                [
                    self.average.network(self._normalize(part.to(self.arithmetic.device)))
                    for part in pixels.split(EVALUATION_BATCH)
                ]
            )
        logits, labels = logits.float().cpu(), torch.from_numpy(self._validation.labels)
        accuracy = float((logits.argmax(1) == labels).float().mean())
        return float(cross_entropy(logits, labels)), accuracy


def train(training: Training, on_epoch: Callable[[EpochMetrics], None]) -> nn.Module:
    """Go on with a training to the end of its schedule.

    Args:
        training: just made, or restored.
        on_epoch: called between two epochs, for checkpoints, progress and tracking.

    Returns:
        The network with the average of its weights, on the CPU and in evaluation mode.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    while training.epoch < training.config.epochs:
        on_epoch(training.run_epoch())
    return training.average.network.cpu()
