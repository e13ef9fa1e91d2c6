"""Every knob of a training, in one typed place."""

from enum import StrEnum
from math import ceil
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.images.decoding.preprocess import Preprocessing

NO_WEIGHTS = "none"
IMAGENET = "imagenet"
SPARE = 1.5
"""Photos keep at least this many times the input's width, for training crops to choose from."""


class Preset(StrEnum):
    """Ready-made configurations."""

    SAMPLE = "sample"
    """Seconds: enough for the generated sample, and to see that everything works."""

    FAST = "fast"
    """A minute or so."""

    BEST = "best"
    """The default for real photos."""


class Model(StrEnum):
    """What is trained."""

    RESNET18 = "resnet18"
    """All of a ResNet18, from nothing or from given weights: minutes."""

    TRANSFER = "transfer"
    """A head on a pretrained backbone, and its last stages (`training.transfer`): seconds."""


class ModelChoice(StrEnum):
    """Which of them."""

    BOTH = "both"
    """A head on a pretrained network first, and then a ResNet18 as its challenger."""

    TRANSFER = "transfer"
    RESNET18 = "resnet18"

    @property
    def models(self) -> list[Model]:
        """They, in the order in which they are trained."""
        return [Model.TRANSFER, Model.RESNET18] if self is ModelChoice.BOTH else [Model(self)]


class Precision(StrEnum):
    """What convolutions compute in."""

    AUTO = "auto"
    """The fastest that this machine has: ``amp`` on a GPU, ``bf16`` on a CPU made for it."""

    FP32 = "fp32"
    BF16 = "bf16"
    """bfloat16 by autocast. On a CPU without instructions for it, it takes 15 times as long."""

    AMP = "amp"
    """float16 by autocast with a scaled loss (Micikevicius et al., 2017, arXiv:1710.03740)."""


class Mirror(StrEnum):
    """Whether training crops are mirrored with probability ½."""

    AUTO = "auto"
    """Unless mirror images carry other labels; `inputs.mirror` says how that is found out."""

    ON = "on"
    OFF = "off"


class Imbalance(StrEnum):
    """What is done about classes of very different size."""

    AUTO = "auto"
    """What `training.inputs.imbalance` chooses by the sizes of the classes."""

    NONE = "none"
    BALANCED_SAMPLING = "balanced_sampling"
    """Small classes are drawn more often; the served probabilities are for the data's own mix."""

    LOGIT_ADJUSTMENT = "logit_adjustment"
    """The loss makes up for the sizes of the classes (Menon et al., 2021, arXiv:2007.07314)."""


class TrainingConfig(BaseModel):
    """How a model is trained. The defaults are the preset ``best``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Model = Field(
        default=Model.RESNET18,
        description="resnet18, or transfer: a head on a pretrained backbone, for which of all "
        "knobs imbalance, device and seed count",
    )
    steps: int = Field(
        default=672,
        ge=1,
        description="Optimisation steps for a few hundred photos; training.budget gives more more",
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="Passes over the training photos; if given, steps does not count",
    )
    size: int = Field(default=144, ge=32, le=512, description="Input width and height, pixels")
    early_share: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of the training, its first part, on smaller crops",
    )
    early_scale: float = Field(
        default=7 / 9, gt=0, le=1, description="Width of those crops, in terms of size"
    )
    batch_size: int = Field(default=32, ge=2, description="Photos per optimisation step")
    learning_rate: float = Field(
        default=1.4e-3, gt=0, description="Peak learning rate, between warm-up and cosine"
    )
    warmup: float = Field(
        default=0.2, gt=0, lt=1, description="Share of all steps in which the rate rises"
    )
    weight_decay: float = Field(default=0.05, ge=0, description="Decoupled weight decay of AdamW")
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="Share of each label spread over all classes"
    )
    imbalance: Imbalance = Field(
        default=Imbalance.AUTO,
        description="auto, none, balanced_sampling or logit_adjustment",
    )
    mirror: Mirror = Field(
        default=Mirror.AUTO, description="auto, on or off: mirror photos at random"
    )
    smallest_crop: float = Field(
        default=0.35,
        gt=0,
        le=1,
        description="Smallest random crop, as a share of the area; 1 for none",
    )
    color_jitter: float = Field(
        default=0.3, ge=0, le=1, description="Strength of random colour changes; 0 for none"
    )
    rotation: float = Field(
        default=15.0,
        ge=0,
        le=180,
        description="Largest random turn to either side, degrees; 0 for none",
    )
    erasing: float = Field(
        default=0.25, ge=0, le=1, description="Share of photos that lose a random rectangle"
    )
    mixing: float = Field(
        default=0.0, ge=0, le=1, description="Share of batches under MixUp or CutMix"
    )
    ema_decay: float = Field(
        default=0.98, ge=0, lt=1, description="Decay of the averaged weights, per step"
    )
    center_crop: float = Field(
        default=1.0, gt=0, le=1, description="Share of the shorter side kept for evaluation"
    )
    seed: int = Field(default=0, ge=0, description="Seed of weights, order and augmentation")
    device: str = Field(
        default="auto", pattern="^(auto|cpu|cuda)$", description="auto, cpu or cuda"
    )
    precision: Precision = Field(
        default=Precision.AUTO, description="auto, fp32, bf16 (CPU) or amp (GPU)"
    )

    weights: str = Field(
        default=NO_WEIGHTS,
        min_length=1,
        description="none, imagenet (downloaded), or a safetensors file or key of the store",
    )
    weights_sha256: str = Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="SHA-256 of the file or object that weights names",
    )

    @model_validator(mode="after")
    def _a_file_is_named_with_its_hash(self) -> "TrainingConfig":
        is_file = self.weights not in (NO_WEIGHTS, IMAGENET)
        if is_file and not self.weights_sha256:
            raise ValueError(f"weights {self.weights!r} needs weights_sha256, the file's SHA-256")
        if self.weights_sha256 and not is_file:
            raise ValueError(f"weights {self.weights!r} is no file: leave weights_sha256 empty")
        return self

    @classmethod
    def of(cls, preset: Preset, **changes: Any) -> "TrainingConfig":  # noqa: ANN401  any knob
        """The configuration of a preset, with some knobs turned."""
        return cls(**{**_PRESETS[preset], **changes})

    def crop_size(self, part: int, parts: int) -> int:
        """Width and height of training crops in one of the parts of a training, pixels.

        Args:
            part: from 0 on.
            parts: how many there are.
        """
        early = part < round(self.early_share * parts)
        return round(self.size * self.early_scale) if early else self.size

    @property
    def preprocessing(self) -> Preprocessing:
        """How photos are prepared for evaluation and for serving."""
        if self.model is Model.TRANSFER:
            return PREPROCESSING
        shorter_side = ceil(self.size * max(SPARE, 1 / self.center_crop))
        return Preprocessing(size=self.size, crop=self.center_crop, shorter_side=shorter_side)


_PRESETS: dict[Preset, dict[str, Any]] = {
    Preset.SAMPLE: {"epochs": 12, "size": 64, "batch_size": 32, "ema_decay": 0.95},
    Preset.FAST: {
        "steps": 272,
        "size": 112,
        "early_share": 0.5,
        "early_scale": 4 / 7,
        "center_crop": 0.875,
    },
    Preset.BEST: {},
}
