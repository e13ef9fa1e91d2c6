"""A linear head on two stages of EfficientNet-Lite0."""

import torch
from torch import nn

from dandelion_pipeline.networks.efficientnet_lite import (
    LITE0_EARLY,
    LITE0_FEATURES,
    EfficientNetLite0,
    of_length_1,
)

TRANSFER = "efficientnet-lite0-linear"
"""Names the architecture in records and manifests."""

EARLY_WEIGHT = 0.5
"""Length of the part of a head's inputs that comes from the earlier stage; the other's is 1."""


class HeadInputs(nn.Module):
    """What a head decides on: features of length 1, and standardised ones of an earlier stage.

    The last stages were trained to forget what ImageNet's classes have in common, such as colour
    and texture; a linear head on several stages gets it back (U. Evci et al., "Head2Toe", 2022,
    arXiv:2201.03529).
    """

    center: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(LITE0_EARLY))
        self.register_buffer("scale", torch.ones(LITE0_EARLY))

    @torch.no_grad()
    def fit(self, features: torch.Tensor) -> None:
        """Take mean and standard deviation of the earlier stage from training photos."""
        early = features[:, LITE0_FEATURES:]
        self.center.copy_(early.mean(dim=0))
        self.scale.copy_(early.std(dim=0, correction=0).clamp(min=1e-3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Shape ``(N, LITE0_FEATURES + LITE0_EARLY)``, as what is given.

        Args:
            features: of the last stage, at any length, and of the earlier one beside them.
        """
        late, early = features[:, :LITE0_FEATURES], features[:, LITE0_FEATURES:]
        early = of_length_1((early - self.center) / self.scale)
        return torch.cat([of_length_1(late), EARLY_WEIGHT * early], dim=1)


class TransferNetwork(nn.Module):
    """EfficientNet-Lite0, and a logit for each class from the features of two stages."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.inputs = HeadInputs()
        self.head = nn.Linear(LITE0_FEATURES + LITE0_EARLY, classes)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features of both stages, ``(N, LITE0_FEATURES + LITE0_EARLY)``.

        Args:
            pixels: as of `EfficientNetLite0`.
        """
        seen = self.backbone.trunk(pixels)
        return torch.cat([self.backbone.tail(seen), seen.mean(dim=(2, 3))], dim=1)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``."""
        logits: torch.Tensor = self.head(self.inputs(features))
        return logits

    def outputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, and pooled features of the last and of an early stage.

        Args:
            pixels: as of `EfficientNetLite0`.

        Returns:
            Shapes ``(N, classes)``, ``(N, LITE0_FEATURES)`` and ``(N, LITE0_SHALLOW)``.
        """
        shallow = self.backbone.shallow(pixels)
        seen = self.backbone.middle(shallow)
        features = self.backbone.tail(seen)
        logits = self.classify(torch.cat([features, seen.mean(dim=(2, 3))], dim=1))
        return logits, features, shallow.mean(dim=(2, 3))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``; pixels as of `EfficientNetLite0`."""
        return self.classify(self.features(pixels))
