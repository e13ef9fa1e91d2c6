"""An exponential moving average (EMA) of the weights.

On a few hundred photos it swings less than the weights themselves (Polyak and Juditsky, 1992).
"""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

_Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


class WeightAverage:
    """The EMA of a network's weights and batch statistics; torch's `AveragedModel` does the work.

    Early on the average forgets faster, or it would keep the first weights: the decay at step n is
    ``min(decay, (1 + n) / (10 + n))``, the warm-up of ``tf.train.ExponentialMovingAverage``.

    Args:
        network: what is averaged; its weights of now are the first ones.
        decay: how much of the average stays at each update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        def move(ours: _Tensors, theirs: _Tensors, steps: torch.Tensor | int) -> None:
            if ours[0].is_floating_point():
                now = min(decay, (1 + int(steps)) / (10 + int(steps)))
                torch._foreach_lerp_(ours, theirs, 1 - now)
            else:  # the counters of batch normalisation
                torch._foreach_copy_(ours, theirs)

        self._average = AveragedModel(network, multi_avg_fn=move, use_buffers=True)
        self._average.eval().requires_grad_(requires_grad=False)

    @property
    def network(self) -> nn.Module:
        """The network with the average of the weights, for evaluation."""
        return self._average.module

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move the average towards the weights after a step; steps count from 1."""
        self._average.n_averaged.fill_(step)
        self._average.update_parameters(network)
