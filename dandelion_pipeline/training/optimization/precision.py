"""In which precision a training step computes; weights and optimiser stay in float32."""

from dataclasses import dataclass

import torch

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.training.config import Precision


def pick_precision(wanted: Precision, device: torch.device) -> Precision:
    """What `Precision.AUTO` means on a device; any other wish as it is.

    Raises:
        TrainingError: ``amp`` was asked for without a GPU.
    """
    if wanted is Precision.AMP and device.type != "cuda":
        raise TrainingError(
            "precision 'amp'",
            f"it needs a GPU, and this training runs on the {device.type}",
            "Set precision to 'auto'",
        )
    if wanted is not Precision.AUTO:
        return wanted
    if device.type == "cuda":
        return Precision.AMP
    return Precision.BF16 if _cpu_multiplies_bf16() else Precision.FP32


@dataclass(frozen=True)
class Arithmetic:
    """A device, and what it computes in."""

    device: torch.device
    precision: Precision

    @classmethod
    def of(cls, device: str, precision: Precision) -> "Arithmetic":
        """What a configuration asks for, on this machine.

        Raises:
            TrainingError: it cannot be had here.
        """
        chosen = pick_device(device)
        return cls(chosen, pick_precision(precision, chosen))

    def autocast(self) -> torch.autocast:
        """The context for a forward pass."""
        half = torch.float16 if self.precision is Precision.AMP else torch.bfloat16
        reduced = self.precision is not Precision.FP32
        return torch.autocast(self.device.type, half, enabled=reduced)

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps small gradients from vanishing in float16; it does nothing elsewhere."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision is Precision.AMP)


def _cpu_multiplies_bf16() -> bool:
    """Whether this CPU has matrix instructions for bfloat16, and need not emulate them."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
