"""The training loop."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.networks.normalize import Normalize
from dandelion_pipeline.networks.resnet import CLASSIFIER, build_network
from dandelion_pipeline.training.choices import choose
from dandelion_pipeline.training.config import Imbalance, TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.initial_weights import Weights, apply_weights
from dandelion_pipeline.training.inputs.augmentation import Augmentation
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.optimization.budget import plan_for
from dandelion_pipeline.training.optimization.ema import WeightAverage
from dandelion_pipeline.training.optimization.optimizer import Optimization
from dandelion_pipeline.training.optimization.precision import Arithmetic
from dandelion_pipeline.training.optimization.threads import Threads

EVALUATION_BATCH = 64

MOST_VALIDATED = 512
"""Validation photos that the learning curve is made of; more would take time and show the same."""


@dataclass(frozen=True)
class Pace:
    """Seconds that a part of a training takes."""

    step: float
    validation: float


class Training:
    """A training between two rounds, see `budget.Plan`.

    Args:
        photos: the training split.
        validation: the validation split, for the curve; nothing is chosen by it.
        classes: the number of classes.
        config: every knob.
        weights: what `initial_weights.starting_weights` found, if anything.

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
        self._threads = Threads(self.arithmetic)
        self.plan = plan_for(config, len(photos.labels))
        self.optimization = Optimization(self.network, config, self.plan.steps)
        self.history: list[EpochMetrics] = []
        self.order = torch.empty(0, dtype=torch.int64)
        """What is left of the pass over the photos that is under way."""
        balance = Balance.of(config.imbalance, photos.labels, classes)
        self.choices = choose(config, photos, balance, self.arithmetic)
        self._balance = balance
        self._loss_offset = balance.loss_offset().to(device)
        self._photos = photos
        self._shrunk = photos, config.size
        self._validation = validation
        self._normalize = Normalize(config.preprocessing).to(device)
        mean, mirror = self._normalize.mean, self.choices.mirror
        self._augment = Augmentation(config, classes, mean, mirror=mirror)

    @property
    def epoch(self) -> int:
        """How many rounds have been made."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """How many steps have been made."""
        return self.epoch * self.plan.steps_per_round

    @property
    def ended(self) -> bool:
        """Whether the last round has been made."""
        return self.epoch >= self.plan.last_round(self.history)

    def run_epoch(self) -> EpochMetrics:
        """Train for one round, then validate."""
        started = time.perf_counter()
        settled = self.plan.settled_after(self.history)
        if settled is not None:
            per_round = self.plan.steps_per_round
            self.optimization.finish(settled * per_round, self.plan.tail * per_round)
        rate = self.optimization.rate(self.steps)
        with self._threads:
            train_loss, train_accuracy = self._train_one_round(early=settled is None)
        loss, accuracy = self._validate()
        seconds = time.perf_counter() - started
        row = EpochMetrics(
            self.epoch + 1, rate, train_loss, train_accuracy, loss, accuracy, seconds
        )
        self.history.append(row)
        return row

    def rehearse(self, crop: int) -> "Pace":
        """Time a step on crops of a size, and a validation, on a copy of the network.

        Neither the training nor torch's generator changes.
        """
        network = copy.deepcopy(self.network).train()
        size = self.config.batch_size
        pixels, labels = self._photos.pixels[:size], self._photos.labels[:size]
        aspects, device = self._photos.aspects[:size], self.arithmetic.device
        seconds = 0.0
        with torch.random.fork_rng(devices=[]), self._threads:
            for _ in range(2):  # the first one of a size prepares what the others use
                began = time.perf_counter()
                views, shares = self._augment(pixels.to(device), aspects, labels.to(device), crop)
                loss, _ = self._loss(network, views, shares)
                loss.backward()
                float(loss.detach())  # waits for a GPU
                seconds = time.perf_counter() - began
        began = time.perf_counter()
        photos = min(MOST_VALIDATED, len(self._validation.labels))
        self._validate(EVALUATION_BATCH)
        batches = math.ceil(photos / EVALUATION_BATCH)
        return Pace(seconds, (time.perf_counter() - began) * batches)

    def served_network(self) -> nn.Module:
        """The network as it is exported: averaged weights, on the CPU and in evaluation mode."""
        network = copy.deepcopy(self.average.network).cpu()
        with torch.no_grad():
            network.get_parameter(f"{CLASSIFIER}bias").add_(self._balance.served_offset())
        return network

    def _train_one_round(self, *, early: bool) -> tuple[float, float]:
        """Mean loss and accuracy over the steps of a round.

        Args:
            early: whether crops may be small, as the plan has it for the first rounds.
        """
        self.network.train()
        device = self.arithmetic.device
        photos, crop = self._photos_and_crop(early=early)
        losses = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        seen = 0
        for number in range(self.plan.steps_per_round):
            self._threads.adapt()
            batch = self._next_batch()
            pixels, shares = self._augment(
                photos.pixels[batch].to(device),
                photos.aspects[batch],
                photos.labels[batch].to(device),
                crop,
            )
            loss, logits = self._step(pixels, shares, self.steps + number)
            losses += loss * len(batch)
            correct += (logits.argmax(1) == shares.argmax(1)).sum()
            seen += len(batch)
        # Read once a round: each reading makes the processor wait for a GPU.
        mean = float(losses) / seen
        if math.isnan(mean):
            raise TrainingError(
                "the training loss",
                "it is no longer a number",
                "Lower learning_rate; most often it is too high",
            )
        return mean, int(correct) / seen

    def _next_batch(self) -> torch.Tensor:
        size = self.config.batch_size
        if not len(self.order):
            order = self._balance.order(self._photos.labels)
            self.order = order[: self.plan.steps_per_epoch * size]
        batch, self.order = self.order[:size], self.order[size:]
        return batch

    def _photos_and_crop(self, *, early: bool) -> tuple[TrainingPhotos, int]:
        """What this round is trained on, and the size of its crops in pixels.

        Small crops first: they take less time, and the network goes on from what they taught it
        (Howard, 2018, "Training Imagenet in 3 hours"; Tan and Le, 2021, arXiv:2104.00298).
        """
        config = self.config
        crop = config.crop_size(self.epoch, self.plan.rounds) if early else config.size
        if self._shrunk[1] != crop:
            self._shrunk = self._photos.shrunk(crop), crop
        return self._shrunk

    def _step(
        self, pixels: torch.Tensor, shares: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = self._loss(self.network, pixels, shares)
        self.optimization.step(loss, self.scaler, number)
        self.average.update(self.network, number + 1)
        return loss.detach(), logits.detach()

    def _loss(
        self, network: nn.Module, pixels: torch.Tensor, shares: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with self.arithmetic.autocast():
            logits = network(self._normalize(pixels)).float()
            # Once logits are adjusted, smoothed labels ask for the rarest class in every photo.
            adjusted = self.choices.imbalance is Imbalance.LOGIT_ADJUSTMENT
            smoothing = 0.0 if adjusted else self.config.label_smoothing
            loss = cross_entropy(logits + self._loss_offset, shares, label_smoothing=smoothing)
        return loss, logits

    @torch.inference_mode()
    def _validate(self, photos: int = MOST_VALIDATED) -> tuple[float, float]:
        """Loss and accuracy of the averaged weights."""
        some = slice(0, photos)  # the photos are in the order of their hashes, a random one
        pixels = torch.from_numpy(self._validation.pixels[some]).permute(0, 3, 1, 2)
        with self.arithmetic.autocast():
            logits = torch.cat(
                [
                    self.average.network(self._normalize(part.to(self.arithmetic.device)))
                    for part in pixels.split(EVALUATION_BATCH)
                ]
            )
        logits = logits.float().cpu() + self._balance.served_offset()
        labels = torch.from_numpy(self._validation.labels[some])
        accuracy = float((logits.argmax(1) == labels).float().mean())
        return float(cross_entropy(logits, labels)), accuracy


def train(training: Training, on_epoch: Callable[[EpochMetrics], None]) -> nn.Module:
    """Go on with a training to the end of its schedule.

    Args:
        training: just made, or restored.
        on_epoch: called between two rounds, for checkpoints, progress and tracking.

    Returns:
        The network with the average of its weights, on the CPU and in evaluation mode.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    while not training.ended:
        on_epoch(training.run_epoch())
    return training.served_network()
