"""How many optimisation steps a training takes, and when it may end before.

A budget is in steps and not in passes over the photos: what a network can learn in a time depends
on the steps, and ten times the photos are no reason to train ten times as long.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics

FEW_PHOTOS = 300
"""Training photos up to which the budget is `TrainingConfig.steps`."""

GROWTH = 1 / 3
"""Steps grow with this power of the photos: eight times the photos take twice as long."""

MOST = 3.0
"""Times `TrainingConfig.steps`: the largest budget of all."""

SHORTEST_ROUND = 8
"""Steps. A round writes a checkpoint of 179 MB, and tiny sets have passes of one step."""

FEWEST_ROUNDS = 12
"""Points of the learning curve, where a pass over the photos is longer than that."""

SURE = 0.995
"""Accuracy on augmented training photos from where on nothing is left to learn."""


@dataclass(frozen=True)
class Plan:
    """A training in rounds; after each it is validated and kept."""

    rounds: int
    steps_per_round: int
    steps_per_epoch: int
    """A pass over the photos; whole batches only."""

    may_stop: bool
    """Whether it ends early when nothing is left to learn."""

    @property
    def steps(self) -> int:
        """All of them."""
        return self.rounds * self.steps_per_round

    @property
    def unit(self) -> str:
        """What to call a round."""
        return "epoch" if self.steps_per_round == self.steps_per_epoch else "round"

    @property
    def tail(self) -> int:
        """Rounds in which a training that has settled comes to its end."""
        return max(1, round(self.rounds / 10))

    def settled_after(self, history: Sequence[EpochMetrics]) -> int | None:
        """The number of rounds after which nothing was left to learn; None if something is.

        That is sure only where the network has been right about (nearly) every augmented training
        photo, and its average about every validation photo, for a sixth of all rounds.
        """
        if not self.may_stop:
            return None
        window, streak = max(3, round(self.rounds / 6)), 0
        for row in history:
            right = row.train_accuracy >= SURE and row.validation_accuracy == 1
            streak = streak + 1 if right else 0
            if streak == window:
                return row.epoch
        return None

    def last_round(self, history: Sequence[EpochMetrics]) -> int:
        """The round that ends the training, as far as its history tells."""
        settled = self.settled_after(history)
        return self.rounds if settled is None else min(self.rounds, settled + self.tail)


def batches_per_epoch(photos: int, batch_size: int) -> int:
    """Whole batches only, except when there is less than one: a batch of one has no variance."""
    return max(1, photos // batch_size)


def plan_for(config: TrainingConfig, photos: int) -> Plan:
    """The plan of a training.

    Args:
        config: its ``epochs``, or else its ``steps``.
        photos: in the training split.
    """
    batches = batches_per_epoch(photos, config.batch_size)
    if config.epochs is not None:
        return Plan(config.epochs, batches, batches, may_stop=False)
    growth = min(MOST, max(1.0, photos / FEW_PHOTOS) ** GROWTH)
    steps = round(config.steps * growth)
    per_round = max(min(batches, math.ceil(steps / FEWEST_ROUNDS)), min(SHORTEST_ROUND, steps))
    return Plan(max(1, round(steps / per_round)), per_round, batches, may_stop=True)
