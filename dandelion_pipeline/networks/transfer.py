"""A linear head on EfficientNet-Lite0."""

import torch
from torch import nn

from dandelion_pipeline.networks.efficientnet_lite import (
    LITE0_FEATURES,
    EfficientNetLite0,
    of_length_1,
)

TRANSFER = "efficientnet-lite0-linear"
"""Names the architecture in records and manifests."""


class TransferNetwork(nn.Module):
    """Features of length 1, and a logit for each class from them."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.head = nn.Linear(LITE0_FEATURES, classes)

    def features(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the backbone sees, as of `EfficientNetLite0.features`."""
        features: tuple[torch.Tensor, torch.Tensor] = self.backbone.features(pixels)
        return features

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``."""
        logits: torch.Tensor = self.head(of_length_1(features))
        return logits

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``; pixels as of `EfficientNetLite0`."""
        return self.classify(self.backbone(pixels))
