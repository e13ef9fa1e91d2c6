"""The last stages of the backbone, trained on from a head that is fitted already.

What the earlier stages see in the training photos is computed once and kept in memory, so that a
step costs a fraction of one through the whole network. Batch normalisation is fused into the
convolutions, and its statistics stay those of ImageNet. The weights that are kept are an
exponential moving average (`optimization.ema`).
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.networks.normalize import Normalize
from dandelion_pipeline.networks.transfer import TransferNetwork
from dandelion_pipeline.statistics.calibration import (
    Floats,
    Labels,
    fit_temperature,
    negative_log_likelihood,
    negative_log_likelihoods,
)
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import PreparedPhotos
from dandelion_pipeline.training.optimization.ema import WeightAverage

FEWEST_PHOTOS = 1_000
"""Training photos from where on the last stages are tuned: with fewer, the validation split is too
small to tell whether it helped."""

NOTHING_TO_GAIN = 0.99
"""Accuracy in cross-validation from where on the head is left as it is."""

ROUNDS = 3
MOST_PHOTOS = 10_000
"""Photos that are trained on in all, each round's anew: it bounds the time."""

SIGNIFICANT = 2.0
"""Standard errors by which the log loss of the validation photos has to fall."""

_BATCH = 32
_LOOKED_AT = 64
_RATE, _HEAD_RATE = 3e-4, 6e-3
_WARMUP = 0.1
_DECAY, _WEIGHT_DECAY = 0.98, 0.05
_SMOOTHING = 0.1


@dataclass(frozen=True)
class Photos:
    """Training photos as the last stages get them."""

    maps: torch.Tensor
    """Of `EfficientNetLite0.trunk`, 16-bit floats, shape ``(N, LITE0_EARLY, height, width)``."""

    labels: torch.Tensor
    """Classes by number, shape ``(N,)``."""


@dataclass(frozen=True)
class Verdict:
    """Whether tuning helped."""

    helps: bool
    reason: str
    """The end of a sentence."""


def tune(
    network: TransferNetwork,
    photos: Photos,
    validation: PreparedPhotos,
    balance: Balance,
    config: TrainingConfig,
    on_round: Callable[[EpochMetrics], None],
) -> TransferNetwork:
    """Train the last stages and the head; the given network is left as it is.

    Args:
        network: fused, with a fitted head.
        photos: what the earlier stages see in them.
        validation: each round is measured on it; it decides nothing here.
        balance: what is done about the sizes of the classes.
        config: `device`, `seed` and how photos are prepared count.
        on_round: is told of each round.

    Returns:
        In evaluation mode, on the CPU.
    """
    tuning = _Tuning(network, photos, balance, config)
    for number in range(ROUNDS):
        started, rate = time.perf_counter(), tuning.rate
        loss, accuracy = tuning.train_one_round()
        ours = logits_of(tuning.average.network, validation.pixels, config.preprocessing)
        on_round(
            EpochMetrics(
                epoch=number + 2,  # the first is that of the head alone
                learning_rate=rate,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=negative_log_likelihood(ours, validation.labels),
                validation_accuracy=float((ours.argmax(1) == validation.labels).mean()),
                seconds=time.perf_counter() - started,
            )
        )
    found = tuning.average.network.cpu().eval()
    assert isinstance(found, TransferNetwork)  # noqa: S101  a copy of what was given
    return found


class _Tuning:
    """A network on its way."""

    def __init__(
        self, network: TransferNetwork, photos: Photos, balance: Balance, config: TrainingConfig
    ) -> None:
        torch.manual_seed(config.seed)
        self._photos, self._balance = photos, balance
        self._device = pick_device(config.device)
        self._network = copy.deepcopy(network).to(self._device)
        self._steps = max(1, min(len(photos.labels), MOST_PHOTOS // ROUNDS) // _BATCH)
        self._done = 0
        self._offset = (balance.loss_offset() - balance.served_offset()).to(self._device)
        backbone = self._network.backbone.last_stages()
        parts = [one for module in backbone for one in module.parameters()]
        head = list(self._network.head.parameters())
        given: list[dict[str, Any]] = [{"params": parts}, {"params": head}]
        self._optimizer = torch.optim.AdamW(given, weight_decay=_WEIGHT_DECAY)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            [_RATE, _HEAD_RATE],
            total_steps=ROUNDS * self._steps + 1,
            pct_start=_WARMUP,
            cycle_momentum=False,
        )
        self.average = WeightAverage(self._network, _DECAY)

    @property
    def rate(self) -> float:
        """The learning rate of the backbone's next step."""
        return float(self._schedule.get_last_lr()[0])

    def train_one_round(self) -> tuple[float, float]:
        """Mean loss and accuracy on the photos of a round."""
        losses, right = 0.0, 0
        order = self._balance.order(self._photos.labels)[: self._steps * _BATCH]
        for chosen in order.split(_BATCH):
            labels = self._photos.labels[chosen].to(self._device)
            maps = self._photos.maps[chosen].to(self._device, torch.float32)
            logits = self._logits(maps.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(logits, labels, label_smoothing=_SMOOTHING)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            self._done += 1
            self.average.update(self._network, self._done)
            losses += loss.item()
            right += int((logits.argmax(1) == labels).sum())
        return losses / self._steps, right / len(order)

    def _logits(self, maps: torch.Tensor) -> torch.Tensor:
        late = self._network.backbone.tail(maps)
        seen = torch.cat([late, maps.mean(dim=(2, 3))], dim=1)
        return self._network.classify(seen) + self._offset


@torch.no_grad()
def trunk_maps(
    network: TransferNetwork, pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> torch.Tensor:
    """What the earlier stages see in prepared photos, as of `Photos.maps`."""
    normalize = Normalize(preprocessing)
    parts = [
        network.backbone.trunk(normalize(some.permute(0, 3, 1, 2))).half()
        for some in torch.from_numpy(pixels).split(_LOOKED_AT)
    ]
    return torch.cat(parts)


def helped(before: Floats, after: Floats, labels: Labels) -> Verdict:
    """Whether photos that were not trained on are explained better, beyond what luck does.

    Both are compared at the temperature that suits them best, photo by photo.

    Args:
        before: logits of the head alone, shape ``(N, classes)``.
        after: of the tuned network.
        labels: given labels, as numbers of classes, shape ``(N,)``.
    """
    one, other = (
        negative_log_likelihoods(logits / fit_temperature(logits, labels), labels)
        for logits in (before, after)
    )
    gains = one - other
    error = float(gains.std(ddof=1) / np.sqrt(len(gains)))
    helps = float(gains.mean()) > SIGNIFICANT * error
    figures = f"log loss {other.mean():.3f} after {one.mean():.3f} on {len(labels)} photos"
    if helps:
        return Verdict(helps, f"{figures} of the validation split")
    return Verdict(helps, f"it did not help ({figures}, within {SIGNIFICANT:g} standard errors)")


def logits_of(
    network: nn.Module, pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> Floats:
    """Logits of prepared photos, shape ``(N, classes)``."""
    device = next(network.parameters()).device
    normalize = Normalize(preprocessing).to(device)
    with torch.inference_mode():
        parts = [
            network(normalize(some.to(device).permute(0, 3, 1, 2))).cpu()
            for some in torch.from_numpy(pixels).split(_LOOKED_AT)
        ]
    found: Floats = torch.cat(parts).double().numpy()
    return found
