"""The learning curve of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochMetrics:
    """One row of the learning curve; losses are mean cross-entropies in nats.

    A row is of one round, see `budget`: a pass over the photos (an epoch) where that is
    neither very short nor very long.
    """

    epoch: int
    """The number of the round, from 1 on."""

    learning_rate: float
    train_loss: float
    train_accuracy: float
    """Of augmented photos; where two are mixed, the one that makes up more of it counts."""

    validation_loss: float
    validation_accuracy: float
    seconds: float
