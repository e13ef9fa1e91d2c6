"""How strict the gate is."""

from pydantic import BaseModel, ConfigDict, Field


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
