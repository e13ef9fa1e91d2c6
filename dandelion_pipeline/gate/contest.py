"""What the gate is told: of the challenger, of the live model, and of the best one so far."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.evaluation.champion import OnValidation


class GateLimits(BaseModel):
    """What a challenger has to keep to go live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    significance: float = Field(default=0.06, gt=0, lt=1)
    """The chance, at most, that a challenger which is as good as the live model is refused: by
    all comparisons of right and wrong answers together, whatever the number of classes."""

    max_accuracy_loss: float = Field(default=0.04, ge=0, le=1)
    """A warning, where the accuracy is lower than the live model's by more than this on the same
    photos, and luck explains it."""

    min_recall: float = Field(default=0.5, ge=0, le=1)
    """A warning, where the recall of a class is surely lower than this."""

    max_recall_loss: float = Field(default=0.1, ge=0, le=1)
    """How much lower than the live model's the recall of a class may be, where luck does not
    explain it."""

    max_calibration_error: float = Field(default=0.1, ge=0, le=1)
    """Expected calibration error on the test split that is allowed beside what luck explains."""

    fewest_photos: int = Field(default=20, ge=1)
    """Classes of fewer test photos are compared as if they were one class. Of fewer in all,
    calibration is not judged."""


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
