"""Training transforms; those for evaluation are `images.preprocess`, which serving shares."""

import torch
from torchvision.transforms import v2

from dandelion_pipeline.images.preprocess import Preprocessing
from dandelion_pipeline.training.config import TrainingConfig


def training_transforms(config: TrainingConfig) -> v2.Compose:
    """Random crop, mirror and colours: uint8 pixels ``(3, H, W)`` to ``(3, size, size)``.

    Source: the classification reference of torchvision.
    """
    steps: list[torch.nn.Module] = [
        v2.RandomResizedCrop(config.size, scale=(config.smallest_crop, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
    ]
    if config.color_jitter:
        strength = config.color_jitter
        steps.append(v2.ColorJitter(strength, strength, strength, strength / 6))
    return v2.Compose(steps)


class Normalize(torch.nn.Module):
    """8-bit pixels ``(N, 3, H, W)`` to what the network wants, as float32."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        for name in ("mean", "std"):
            channels = torch.tensor(getattr(preprocessing, name)).view(1, 3, 1, 1)
            self.register_buffer(name, channels * 255, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Scale and shift each channel."""
        return (pixels.to(torch.float32) - self.mean) / self.std
