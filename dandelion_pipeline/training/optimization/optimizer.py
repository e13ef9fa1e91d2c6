"""The optimiser, and the rate at which it learns."""

import math

import torch
from torch import nn

from dandelion_pipeline.training.config import TrainingConfig


class Optimization:
    """AdamW whose learning rate follows the number of steps that have been made.

    The rate rises linearly and falls as a cosine to zero (Loshchilov and Hutter, 2016,
    arXiv:1608.03983). It is a function of the step alone, so there is no schedule to restore.
    Norms and biases do not decay (He et al., 2018, arXiv:1812.01187).

    Args:
        network: what is trained.
        config: its rates.
        steps: how many steps there will be in all.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig, steps: int) -> None:
        decaying = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [
            {"params": decaying, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.adamw = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self._config = config
        self._steps = steps
        self._tail: tuple[int, int] | None = None

    def finish(self, step: int, steps: int) -> None:
        """Let the rate fall to zero in so many steps from a step on, and not as it was planned."""
        self._tail = step, steps

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0 on."""
        if self._tail is not None and step >= self._tail[0]:
            begin, steps = self._tail
            past = (step - begin) / steps
            return self._planned(begin) * (1 + math.cos(math.pi * past)) / 2
        return self._planned(step)

    def _planned(self, step: int) -> float:
        rising = max(1.0, self._config.warmup * self._steps)
        if step < rising:
            return self._config.learning_rate * (step + 1) / (rising + 1)
        past = (step - rising) / max(1.0, self._steps - rising)
        return self._config.learning_rate * (1 + math.cos(math.pi * past)) / 2

    def step(self, loss: torch.Tensor, scaler: torch.amp.GradScaler, step: int) -> None:
        """Move the weights down the gradient of a loss."""
        for group in self.adamw.param_groups:
            group["lr"] = self.rate(step)
        self.adamw.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(self.adamw)
        scaler.update()
