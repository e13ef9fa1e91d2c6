"""Random views of training photos, a whole batch at a time.

What torchvision's classification reference does to each photo in turn (crop, mirror, colours,
erasing) is one affine sampling and one colour matrix here, so a batch costs a few tensor
operations on whatever device it lies. Every random number comes from torch's generator of the CPU.
"""

import math

import torch
from torch.nn.functional import affine_grid, grid_sample, one_hot
from torchvision.transforms import v2

from dandelion_pipeline.training.config import TrainingConfig

ASPECT = 4 / 3
"""Crops are at most so much wider or higher than a square. Source: torchvision's reference."""

ERASED = (0.02, 0.25)
"""Smallest and largest share of the area that is erased."""

MIXUP_ALPHA = 0.2
"""Source: Zhang et al., 2017, arXiv:1710.09412, for ImageNet."""

HUE = 1 / 6
"""Hue turns by this share of what brightness, contrast and saturation change by."""

_LUMA = torch.tensor([0.299, 0.587, 0.114])
_TO_YIQ = torch.tensor(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)
"""YIQ (NTSC, 1953): brightness, and colour as a plane that hue and saturation turn and stretch."""


def random_views(
    pixels: torch.Tensor,
    aspects: torch.Tensor,
    size: int,
    smallest: float,
    rotation: float,
    *,
    mirrored: bool = True,
) -> torch.Tensor:
    """Cut a random, perhaps mirrored and turned, part out of each photo.

    Args:
        pixels: shape ``(N, 3, S, S)``, any photo squeezed into a square.
        aspects: width over height of each photo as it was, shape ``(N,)``.
        size: width and height of the views, in pixels.
        smallest: smallest part, as a share of the photo's area; 1 for the largest square or so.
        rotation: largest turn to either side, in degrees.
        mirrored: mirror half of the photos.

    Returns:
        float32 pixels of shape ``(N, 3, size, size)``. Beyond a photo lies its mirror image.
    """
    count = len(pixels)
    # Lengths are in units of the photo's height; positions from -1 to 1, as grid_sample has them.
    area = _uniform(count, smallest, 1) * aspects
    spread = math.log(ASPECT) if smallest < 1 else 0.0
    shape = _uniform(count, -spread, spread).exp()
    width = torch.minimum((area * shape).sqrt(), aspects)
    height = torch.clamp((area / shape).sqrt(), max=1)
    width, height = torch.minimum(width, ASPECT * height), torch.minimum(height, ASPECT * width)
    angle = torch.deg2rad(_uniform(count, -rotation, rotation))
    mirror = 1 - 2 * torch.randint(2, (count,)) if mirrored else torch.ones(count)
    x = (1 - width / aspects) * _uniform(count, -1, 1)
    y = (1 - height) * _uniform(count, -1, 1)
    rows = (
        (angle.cos() * width / aspects * mirror, -angle.sin() * height / aspects, x),
        (angle.sin() * width * mirror, angle.cos() * height, y),
    )
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1).to(pixels.device)
    grid = affine_grid(matrices, [count, 3, size, size], align_corners=False)
    return grid_sample(pixels.float(), grid, "bilinear", "reflection", align_corners=False)


def recoloured(pixels: torch.Tensor, strength: float) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of each photo at random.

    Args:
        pixels: float32 of shape ``(N, 3, H, W)``, from 0 to 255.
        strength: largest relative change, from 0 to 1.
    """
    count, device = len(pixels), pixels.device
    brightness, contrast, saturation = (
        _uniform(count, 1 - strength, 1 + strength) for _ in range(3)
    )
    hue = _uniform(count, -strength * HUE, strength * HUE) * 2 * math.pi
    turn = torch.zeros(count, 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = hue.cos() * saturation
    turn[:, 2, 1] = hue.sin() * saturation
    turn[:, 1, 2] = -turn[:, 2, 1]
    scale = (brightness * contrast).view(count, 1, 1)
    matrices = (_FROM_YIQ @ turn @ _TO_YIQ * scale).to(device)
    # Contrast stretches away from the mean grey, which the other changes leave where it is.
    grey = pixels.mean((2, 3)) @ _LUMA.to(device)
    offsets = grey * ((1 - contrast) * brightness).to(device)
    flat = torch.baddbmm(offsets.view(count, 1, 1), matrices, pixels.flatten(2))
    return flat.clamp_(0, 255).view_as(pixels)


def erased(pixels: torch.Tensor, share: float, value: torch.Tensor) -> torch.Tensor:
    """Cover a random rectangle of some photos (Zhong et al., 2017, arXiv:1708.04896).

    Args:
        pixels: shape ``(N, 3, H, W)``.
        share: of the photos that lose a part.
        value: the colour that takes its place, shape ``(1, 3, 1, 1)``.
    """
    count, _, rows, columns = pixels.shape
    chosen = torch.rand(count) < share
    area = _uniform(count, *ERASED)
    shape = _uniform(count, -1, 1).exp()
    spans = [
        _span(length, (area * factor).sqrt())
        for length, factor in ((rows, shape), (columns, 1 / shape))
    ]
    mask = spans[0][:, :, None] & spans[1][:, None, :] & chosen[:, None, None]
    return torch.where(mask[:, None].to(pixels.device), value, pixels)


class Augmentation:
    """What happens to a training batch before the network sees it."""

    def __init__(
        self, config: TrainingConfig, classes: int, mean: torch.Tensor, *, mirror: bool = True
    ) -> None:
        self._config = config
        self._mirror = mirror
        self._classes = classes
        self._mean = mean
        self._mixes = v2.RandomChoice(
            [v2.MixUp(alpha=MIXUP_ALPHA, num_classes=classes), v2.CutMix(num_classes=classes)]
        )

    @torch.no_grad()
    def __call__(
        self, pixels: torch.Tensor, aspects: torch.Tensor, labels: torch.Tensor, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Views of photos, and what each shows.

        Args:
            pixels: 8-bit, shape ``(N, 3, S, S)``.
            aspects: width over height of each photo, shape ``(N,)``, on the CPU.
            labels: classes by number, shape ``(N,)``.
            size: width and height of the views, in pixels.

        Returns:
            float32 pixels ``(N, 3, size, size)`` from 0 to 255, channels last, and the share of
            each class, shape ``(N, classes)``.
        """
        knobs = self._config
        views = random_views(
            pixels, aspects, size, knobs.smallest_crop, knobs.rotation, mirrored=self._mirror
        )
        if knobs.color_jitter:
            views = recoloured(views, knobs.color_jitter)
        if knobs.erasing:
            views = erased(views, knobs.erasing, self._mean)
        shares = one_hot(labels, self._classes).float()
        if float(torch.rand(())) < knobs.mixing:
            views, shares = self._mixes(views, shares)
        return views.contiguous(memory_format=torch.channels_last), shares


def _uniform(count: int, low: float, high: float) -> torch.Tensor:
    return torch.empty(count).uniform_(low, high)


def _span(length: int, share: torch.Tensor) -> torch.Tensor:
    """Which of so many places lie in a random stretch of a share of them: ``(N, length)``."""
    start = (torch.rand(len(share)) * (1 - share))[:, None]
    places = (torch.arange(length) + 0.5)[None] / length
    return (places >= start) & (places < start + share[:, None])
