"""What a configuration's ``auto`` comes to on the photos of one training."""

from dataclasses import dataclass

from dandelion_pipeline.training.config import Imbalance, Mirror, TrainingConfig
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import TrainingPhotos
from dandelion_pipeline.training.inputs.mirror import may_mirror


@dataclass(frozen=True)
class Choices:
    """What was chosen, and why; part of the record of a training."""

    mirror: bool
    mirror_reason: str
    imbalance: Imbalance
    """Never ``auto``."""

    imbalance_reason: str
    tuning: str = ""
    """Whether the last stages of a pretrained backbone were tuned, in words; empty for others."""

    def sentences(self) -> list[str]:
        """The decisions in words."""
        said = [
            f"mirroring {'on' if self.mirror else 'off'}: {self.mirror_reason}",
            f"imbalance {self.imbalance}: {self.imbalance_reason}",
        ]
        return [*said, self.tuning] if self.tuning else said


def choose(config: TrainingConfig, photos: TrainingPhotos, balance: Balance) -> Choices:
    """Decide what the configuration leaves open.

    Args:
        config: its ``mirror`` and ``imbalance``.
        photos: the training split, in a random order.
        balance: what `imbalance` came to.
    """
    mirror, why = config.mirror is Mirror.ON, "the configuration says so"
    if config.mirror is Mirror.AUTO:
        verdict = may_mirror(photos.pixels, photos.labels, photos.groups)
        mirror, why = verdict.mirror, verdict.reason
    return Choices(mirror, why, balance.method, balance.reason(config.imbalance))
