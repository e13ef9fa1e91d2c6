"""What the network does to pixels first; `preprocess`, which serving shares, shapes them."""

import torch

from dandelion_pipeline.images.decoding.preprocess import Preprocessing


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
