"""The network, and the form in which it is served."""

from typing import Protocol, cast

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.normalize import Normalize

ARCHITECTURE = "resnet18"
CLASSIFIER = "fc."
"""What the names of the last layer's weights begin with."""


class HasOutputs(Protocol):
    """A network that can be served."""

    def outputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, and pooled features of the last and of an earlier stage.

        Args:
            pixels: normalised, shape ``(N, 3, height, width)``.

        Returns:
            Shapes ``(N, classes)``, ``(N, features)`` and ``(N, early features)``.
        """


class ResNet18(ResNet):  # type: ignore[misc]  # torchvision has no type hints
    """Torchvision's ResNet18, which also says what it sees on the way."""

    def outputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, and pooled features of the last and of an earlier stage.

        Args:
            pixels: normalised, shape ``(N, 3, height, width)``.

        Returns:
            Shapes ``(N, classes)``, ``(N, 512)`` and ``(N, 128)``.
        """
        shallow = self.layer2(self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(pixels))))))
        features = torch.flatten(self.avgpool(self.layer4(self.layer3(shallow))), 1)
        return self.fc(features), features, shallow.mean(dim=(2, 3))


def build_network(classes: int, *, zero_init_residual: bool = False) -> nn.Module:
    """Make an untrained torchvision ResNet18 (He et al., 2015, arXiv:1512.03385).

    Args:
        classes: the number of classes.
        zero_init_residual: let each block begin as the identity, which makes the first steps of a
            training steadier (Goyal et al., 2017, arXiv:1706.02677).
    """
    network: nn.Module = ResNet18(
        BasicBlock, [2, 2, 2, 2], num_classes=classes, zero_init_residual=zero_init_residual
    )
    return network.to(memory_format=torch.channels_last)


class ServedNetwork(nn.Module):
    """The network as it is exported: 8-bit pixels in, logits and two kinds of features out.

    With the normalisation inside the graph, training and serving cannot disagree about it.

    Args:
        network: one that `HasOutputs`: `ResNet18` or `transfer.TransferNetwork`.
        preprocessing: how the photos were prepared.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.normalize = Normalize(preprocessing)
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the network's `outputs` are.

        Args:
            pixels: shape ``(N, size, size, 3)``.
        """
        normalised = self.normalize(pixels.permute(0, 3, 1, 2))
        return cast("HasOutputs", self.network).outputs(normalised)
