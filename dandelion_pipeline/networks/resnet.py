"""The network, and the form in which it is served."""

import torch
from torch import nn
from torchvision.models import resnet18

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.normalize import Normalize

ARCHITECTURE = "resnet18"
CLASSIFIER = "fc."
"""What the names of the last layer's weights begin with."""


def build_network(classes: int, *, zero_init_residual: bool = False) -> nn.Module:
    """Make an untrained torchvision ResNet18 (He et al., 2015, arXiv:1512.03385).

    Args:
        classes: the number of classes.
        zero_init_residual: let each block begin as the identity, which makes the first steps of a
            training steadier (Goyal et al., 2017, arXiv:1706.02677).
    """
    network: nn.Module = resnet18(
        weights=None, num_classes=classes, zero_init_residual=zero_init_residual
    )
    return network.to(memory_format=torch.channels_last)


class ServedNetwork(nn.Module):
    """The network as it is exported: 8-bit pixels ``(N, size, size, 3)`` in, logits out.

    With the normalisation inside the graph, training and serving cannot disagree about it.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.normalize = Normalize(preprocessing)
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``."""
        logits: torch.Tensor = self.network(self.normalize(pixels.permute(0, 3, 1, 2)))
        return logits
