"""What a configuration's ``auto`` comes to on the photos of one training."""

from dataclasses import dataclass

from dandelion_pipeline.training.config import Imbalance, Mirror, Precision, TrainingConfig
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.inputs.loading import TrainingPhotos
from dandelion_pipeline.training.inputs.mirror import may_mirror
from dandelion_pipeline.training.optimization.precision import Arithmetic


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

    device: str = ""
    """``cpu`` or ``cuda``; nothing in records of when that was not kept."""

    precision: Precision | None = None
    """Never ``auto``; None where it is no choice, as for the transfer model."""

    def sentences(self) -> list[str]:
        """The decisions in words."""
        said = [
            f"mirroring {'on' if self.mirror else 'off'}: {self.mirror_reason}",
            f"imbalance {self.imbalance}: {self.imbalance_reason}",
        ]
        if self.device:
            said.append(
                f"computing on the {'GPU' if self.device == 'cuda' else self.device.upper()}"
                + (f" in {self.precision}" if self.precision else "")
            )
        return [*said, self.tuning] if self.tuning else said


def choose(
    config: TrainingConfig, photos: TrainingPhotos, balance: Balance, arithmetic: Arithmetic
) -> Choices:
    """Decide what the configuration leaves open.

    Args:
        config: its ``mirror`` and ``imbalance``.
        photos: the training split, in a random order.
        balance: what `imbalance` came to.
        arithmetic: what `device` and `precision` came to on this machine.
    """
    mirror, why = config.mirror is Mirror.ON, "the configuration says so"
    if config.mirror is Mirror.AUTO:
        verdict = may_mirror(photos.pixels, photos.labels, photos.groups)
        mirror, why = verdict.mirror, verdict.reason
    return Choices(
        mirror,
        why,
        balance.method,
        balance.reason(config.imbalance),
        device=arithmetic.device.type,
        precision=arithmetic.precision,
    )
