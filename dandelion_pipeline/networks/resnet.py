"""The network, and the form in which it is served."""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.normalize import Normalize

ARCHITECTURE = "resnet18"
CLASSIFIER = "fc."
"""What the names of the last layer's weights begin with."""


class ResNet18(ResNet):
    """Torchvision's ResNet18 in two parts: what it sees in a photo, and what that is called."""

    def features(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pooled features of the last stage, and of an earlier one.

        Args:
            pixels: normalised, shape ``(N, 3, height, width)``.

        Returns:
            Shapes ``(N, 512)`` and ``(N, 128)``.
        """
        seen = self.layer2(self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(pixels))))))
        early = seen.mean(dim=(2, 3))
        seen = self.layer4(self.layer3(seen))
        return torch.flatten(self.avgpool(seen), 1), early

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of shape ``(N, classes)``."""
        logits: torch.Tensor = self.fc(features)
        return logits


def build_network(classes: int, *, zero_init_residual: bool = False) -> ResNet18:
    """Make an untrained torchvision ResNet18 (He et al., 2015, arXiv:1512.03385).

    Args:
        classes: the number of classes.
        zero_init_residual: let each block begin as the identity, which makes the first steps of a
            training steadier (Goyal et al., 2017, arXiv:1706.02677).
    """
    network = ResNet18(
        BasicBlock, [2, 2, 2, 2], num_classes=classes, zero_init_residual=zero_init_residual
    )
    return network.to(memory_format=torch.channels_last)


class ServedNetwork(nn.Module):
    """The network as it is exported: 8-bit pixels in, logits and two kinds of features out.

    With the normalisation inside the graph, training and serving cannot disagree about it.

    Args:
        network: has `features` and `classify`, as `ResNet18` and `transfer.TransferNetwork`.
        preprocessing: how the photos were prepared.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.normalize = Normalize(preprocessing)
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits ``(N, classes)``, the features that they come from, those of an earlier stage.

        Args:
            pixels: shape ``(N, size, size, 3)``.
        """
        features, early = self.network.features(self.normalize(pixels.permute(0, 3, 1, 2)))
        return self.network.classify(features), features, early
