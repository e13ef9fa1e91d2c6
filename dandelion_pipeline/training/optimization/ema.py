"""A running average of the weights.

On a few hundred photos it swings less than the weights themselves (Polyak and Juditsky, 1992).
"""

import copy

import torch
from torch import nn


class WeightAverage:
    """An exponential moving average of a network's weights and batch statistics.

    Args:
        network: what is averaged; its weights of now are the first ones.
        decay: how much of the average stays at each update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._decay = decay
        pairs = list(zip(_state(self.network), _state(network), strict=True))
        self._real = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average; early on it forgets faster, or it would keep the first weights.

        Source of the warm-up: `tf.train.ExponentialMovingAverage`.

        Args:
            step: how many steps have been made, from 1 on.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        ours, theirs = map(list, zip(*self._real, strict=True))
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for our, their in self._counters:
            our.copy_(their)


def _state(network: nn.Module) -> list[torch.Tensor]:
    return list(network.state_dict().values())
