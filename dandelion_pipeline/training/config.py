"""Every knob of a training, in one typed place."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.images.preprocess import Preprocessing


class Preset(StrEnum):
    """Ready-made configurations."""

    FAST = "fast"
    """About a minute: to see that everything works, and for the generated sample."""

    BEST = "best"
    """The default for real photos."""


class TrainingConfig(BaseModel):
    """How a ResNet18 is trained. The defaults are the preset ``best``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=20, ge=1, description="Passes over the training photos")
    size: int = Field(default=128, ge=32, le=512, description="Input width and height, pixels")
    batch_size: int = Field(default=32, ge=2, description="Photos per optimisation step")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Peak learning rate of the one-cycle schedule"
    )
    warmup: float = Field(
        default=0.2, gt=0, lt=1, description="Share of all steps in which the rate rises"
    )
    weight_decay: float = Field(default=0.05, ge=0, description="Decoupled weight decay of AdamW")
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="Share of each label spread over all classes"
    )
    smallest_crop: float = Field(
        default=0.35, gt=0, le=1, description="Smallest random crop, as a share of the area"
    )
    color_jitter: float = Field(
        default=0.3, ge=0, le=1, description="Strength of random colour changes"
    )
    ema_decay: float = Field(
        default=0.95, ge=0, lt=1, description="Decay of the averaged weights, per step"
    )
    center_crop: float = Field(
        default=0.875, gt=0, le=1, description="Share of the shorter side kept for evaluation"
    )
    seed: int = Field(default=0, ge=0, description="Seed of weights, order and augmentation")
    device: str = Field(
        default="auto", pattern="^(auto|cpu|cuda)$", description="auto, cpu or cuda"
    )

    @classmethod
    def of(cls, preset: Preset, **changes: Any) -> "TrainingConfig":  # noqa: ANN401  any knob
        """The configuration of a preset, with some knobs turned."""
        return cls(**{**_PRESETS[preset], **changes})

    @property
    def preprocessing(self) -> Preprocessing:
        """How photos are prepared for evaluation and for serving."""
        return Preprocessing(size=self.size, crop=self.center_crop)


_PRESETS: dict[Preset, dict[str, Any]] = {
    Preset.FAST: {"epochs": 12, "size": 64},
    Preset.BEST: {},
}
