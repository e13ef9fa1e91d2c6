"""EfficientNet-Lite0, a network whose weights were learnt on ImageNet.

M. Tan, Q. V. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019,
arXiv:1905.11946; the variant "Lite" has neither squeeze-and-excitation nor swish
(https://github.com/tensorflow/tpu, models/official/efficientnet/lite).
"""

import torch
from torch import nn
from torch.nn.functional import conv2d, pad, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval

LITE0_FEATURES = 1280
"""Width of what the network's own classifier gets to see."""

LITE0_EARLY = 112
"""Channels of the stage before the last two, where colour and texture are not lost yet."""

LITE0_SHALLOW = 80
"""Channels of the middle of the network, by which photos of another world are told."""

_STEM = 32
_SHALLOW = 8  # blocks up to there
_TRUNK = 11  # blocks up to that stage
_EPSILON, _MOMENTUM = 1e-3, 0.01
_TINY = 1e-12
# repeats, kernel, stride of the first, growth inside, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """The network up to what its classifier decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, stride=2)
        blocks, channels = [], _STEM
        for repeats, kernel, first_stride, growth, outputs in _STAGES:
            for repeat in range(repeats):
                stride = 1 if repeat else first_stride
                blocks.append(_Block(channels, outputs, kernel, stride, growth))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = _Convolution(channels, LITE0_FEATURES, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features of all stages, `tail` after `trunk`."""
        return self.tail(self.trunk(pixels))

    def trunk(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the stages before the last two see.

        Args:
            pixels: normalised, shape ``(N, 3, height, width)``.

        Returns:
            Shape ``(N, LITE0_EARLY, height / 16, width / 16)``, rounded up.
        """
        return self.middle(self.shallow(pixels))

    def shallow(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the first stages see, ``(N, LITE0_SHALLOW, height / 16, width / 16)``."""
        seen = relu6(self.stem(pixels), inplace=True)
        for block in list(self.blocks)[:_SHALLOW]:
            seen = block(seen)
        return seen

    def middle(self, seen: torch.Tensor) -> torch.Tensor:
        """What the stages between `shallow` and `tail` make of it."""
        for block in list(self.blocks)[_SHALLOW:_TRUNK]:
            seen = block(seen)
        return seen

    def tail(self, seen: torch.Tensor) -> torch.Tensor:
        """What the last two stages make of what `trunk` sees: ``(N, LITE0_FEATURES)``."""
        for block in list(self.blocks)[_TRUNK:]:
            seen = block(seen)
        features: torch.Tensor = relu6(self.head(seen), inplace=True).mean(dim=(2, 3))
        return features

    def last_stages(self) -> list[nn.Module]:
        """The modules that `tail` calls."""
        return [*list(self.blocks)[_TRUNK:], self.head]

    def fuse(self) -> None:
        """Let convolutions do the work of the normalisations behind them.

        It changes no answer in evaluation mode. Whoever trains on keeps ImageNet's statistics.
        """
        for module in self.modules():
            if isinstance(module, _Convolution):
                module.fuse()


def of_length_1(features: torch.Tensor) -> torch.Tensor:
    """Features whose squares add up to 1, so that photos are compared by their angle.

    Args:
        features: one row a photo.
    """
    return features * (features.square().sum(dim=1, keepdim=True) + _TINY).rsqrt()


class _SamePadding(nn.Conv2d):
    """A convolution padded as TensorFlow does: an odd row or column goes to the right and below."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """What is the same on both sides is left to the convolution: `pad` copies everything."""
        around = []
        for axis in (1, 0):
            side, kernel, stride = pixels.shape[axis + 2], self.kernel_size[axis], self.stride[axis]
            whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            around += [whole // 2, whole - whole // 2]
        left, right, above, below = around
        padding = (above, left)
        if (above, left) != (below, right):
            pixels, padding = pad(pixels, around), (0, 0)
        return conv2d(
            pixels, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class _Convolution(nn.Module):
    """A convolution and batch normalisation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.convolution: nn.Conv2d = _SamePadding(
            inputs, outputs, kernel, stride=stride, groups=groups, bias=False
        )
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs, _EPSILON, _MOMENTUM)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(self.convolution(pixels))
        return found

    def fuse(self) -> None:
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)
            self.norm = nn.Identity()


class _Block(nn.Module):
    """An inverted residual (M. Sandler et al., "MobileNetV2", 2018, arXiv:1801.04381)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, growth: int) -> None:
        super().__init__()
        inside = inputs * growth
        expand = [_Convolution(inputs, inside, 1), nn.ReLU6(inplace=True)] if growth > 1 else []
        self.expand = nn.Sequential(*expand)
        self.depthwise = _Convolution(inside, inside, kernel, stride, groups=inside)
        self.project = _Convolution(inside, outputs, 1)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        inside = relu6(self.depthwise(self.expand(pixels)), inplace=True)
        found: torch.Tensor = self.project(inside)
        return found + pixels if self.is_residual else found
