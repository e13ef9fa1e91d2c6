"""What the gate is told: of the challenger, of the live model, and of the best one so far."""

from collections.abc import Mapping
from dataclasses import dataclass

from dandelion_pipeline.evaluation.champion import OnValidation


@dataclass(frozen=True)
class Recall:
    """Test photos of a class: how many are recognised, and how many are predicted to be of it."""

    right: int
    photos: int
    predicted: int


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error on the test split."""

    value: float
    by_chance: float
    """What probabilities that are true exceed in one test of twenty, on so few photos."""


@dataclass(frozen=True)
class Changes:
    """Photos that one model gets right and another wrong, and the other way round."""

    lost: int
    """Photos that the live model gets right and the challenger wrong."""

    gained: int
    photos: int

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.lost + other.lost, self.gained + other.gained, self.photos + other.photos
        )

    @property
    def loss(self) -> float:
        """How much lower the challenger's share of right answers is."""
        return (self.lost - self.gained) / self.photos


@dataclass(frozen=True)
class Pairs:
    """Both models on the same photos, those left out that either has seen in training."""

    all: Changes
    classes: Mapping[str, Changes]


@dataclass(frozen=True)
class Challenger:
    """What is known of the model that wants to go live."""

    is_sample: bool
    recalls: Mapping[str, Recall]
    calibration: CalibrationError | None
    remark: str = ""
    """What is to be known of its test photos, if the weights it began with have seen any."""


@dataclass(frozen=True)
class Champion:
    """What is known of the live model, or of the best one before it."""

    version: str
    is_sample: bool | None
    """None if it is damaged, so that nobody knows."""

    damage: str = ""
    """Why it cannot be asked; empty if it can."""

    pairs: Pairs | None = None
    """None if it was not asked: it is damaged, or knows other classes."""

    calibration: CalibrationError | None = None
    on_validation: OnValidation | None = None
    """How the two compare on validation, if they are of different kinds and of the same data."""

    remark: str = ""
    """What else is to be known about the comparison."""

    def pairs_with(self, challenger: Challenger) -> Pairs | None:
        """What can be compared; a model of generated photos is no measure for one of real ones."""
        if self.is_sample and not challenger.is_sample:
            return None
        return self.pairs if self.pairs and self.pairs.all.photos else None
