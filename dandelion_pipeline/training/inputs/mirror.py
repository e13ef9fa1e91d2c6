"""Whether mirror images of photos carry the labels of the photos.

Most things may be mirrored; arrows, letters, and left and right hands may not. The training photos
tell: their labels are predicted by the nearest other photo, once from the photos alone and once
from the photos and their mirror images. Where mirror images turn significantly more answers wrong
than right, a network would learn the wrong labels from them too.

Pictures without colour are drawings, scans and symbols more often than photos, and the mirror image
of a digit is no digit at all. There it is enough that most mirror images lose their label.
"""

import math
from dataclasses import dataclass

import torch
from scipy.stats import binomtest
from torch.nn.functional import adaptive_avg_pool2d, interpolate

MOST_PHOTOS = 2_000
"""Are compared; the comparison takes time and memory with the square of their number."""

SIGNIFICANCE = 0.01
"""Of McNemar's exact test, in each of two feature spaces."""

MATERIAL = 0.01
"""Share of the photos that mirror images must turn wrong; less would do no harm that one sees."""

COLOURLESS = 2.0
"""Mean distance between the largest and the smallest channel of a grey picture, of 255 levels."""

TWIN = 0.99
"""Correlation of the pixels of two pictures that are one."""

TWIN_SIGNIFICANCE = 0.05
"""Of the sign test of twins: two classes of ten photos have only a handful of them."""

_PIXELS = 16
_GRADIENTS, _DIRECTIONS, _GRIDS = 34, 8, (1, 2, 4)


@dataclass(frozen=True)
class Verdict:
    """Whether training may mirror photos, and why."""

    mirror: bool
    reason: str


def may_mirror(
    pixels: torch.Tensor, labels: torch.Tensor, groups: torch.Tensor | None = None
) -> Verdict:
    """Find out whether mirror images carry the labels of the photos.

    Args:
        pixels: 8-bit, shape ``(N, 3, S, S)``, in a random order.
        labels: classes by number, shape ``(N,)``.
        groups: photos of equal numbers are near-duplicates, which are not compared under one
            label; ``(N,)``.
    """
    some = slice(0, MOST_PHOTOS)
    pixels, labels = pixels[some], labels[some]
    own = torch.arange(len(labels)) if groups is None else groups[some]
    # Mirror twins of two classes are near-duplicates of each other too, and the very evidence.
    related = (own[:, None] == own[None]) & (labels[:, None] == labels[None])
    grey = float((pixels.amax(1) - pixels.amin(1)).float().mean((1, 2)).median()) < COLOURLESS
    for features, side in ((_thumbnails, _PIXELS), (_gradients, _GRADIENTS)):
        reduced = interpolate(pixels, (side, side), mode="bilinear", antialias=True).float()
        photos, mirrored = features(reduced), features(reduced.flip(3))
        neighbours = _Neighbours.of(labels, related, photos @ photos.T, photos @ mirrored.T)
        twins = neighbours.twins() if features is _thumbnails else ""
        if why := twins or neighbours.harm() or (neighbours.foreign() if grey else ""):
            return Verdict(mirror=False, reason=why)
    return Verdict(mirror=True, reason=f"mirror images of {len(labels)} photos keep their labels")


@dataclass(frozen=True)
class _Neighbours:
    """The nearest other photo of each photo, and the nearest mirror image of another."""

    right: torch.Tensor
    """Whether the nearest photo has the same label, shape ``(N,)``; so for what follows."""

    right_mirrored: torch.Tensor
    closer: torch.Tensor
    """Whether the nearest mirror image is nearer than the nearest photo."""

    twin: torch.Tensor
    """Whether it is that, and the same picture."""

    @classmethod
    def of(
        cls,
        labels: torch.Tensor,
        related: torch.Tensor,
        direct: torch.Tensor,
        reflected: torch.Tensor,
    ) -> "_Neighbours":
        near, nearest = direct.masked_fill(related, -math.inf).max(1)
        near_mirrored, nearest_mirrored = reflected.masked_fill(related, -math.inf).max(1)
        closer = near_mirrored > near
        return cls(
            labels[nearest] == labels,
            labels[nearest_mirrored] == labels,
            closer,
            closer & (near_mirrored >= TWIN),
        )

    def twins(self) -> str:
        """Why mirroring would do harm: mirror twins under other labels; empty if it would not."""
        others = int((self.twin & ~self.right_mirrored).sum())
        alike = int((self.twin & self.right_mirrored).sum())
        if _more(others, alike) >= TWIN_SIGNIFICANCE:
            return ""
        return f"{others} of {len(self.twin)} photos are mirror images of another class's"

    def harm(self) -> str:
        """The same: beside mirror images, more photos look like another class."""
        lost = int((self.right & self.closer & ~self.right_mirrored).sum())
        won = int((~self.right & self.closer & self.right_mirrored).sum())
        chance = _more(lost, won)
        if chance >= SIGNIFICANCE or lost - won < MATERIAL * len(self.right):
            return ""
        return (
            f"beside mirror images, {lost} of {len(self.right)} photos look like another class, "
            f"and only {won} like their own again (p = {chance:.1g})"
        )

    def foreign(self) -> str:
        """The same: most mirror images of pictures do not look like their class."""
        lost = int((self.right & ~self.right_mirrored).sum())
        won = int((~self.right & self.right_mirrored).sum())
        if _more(lost, won) >= SIGNIFICANCE or lost <= int(self.right.sum()) / 2:
            return ""
        return (
            f"these are pictures without colour, and {lost} of {len(self.right)} mirrored ones "
            "look like another class"
        )


def _more(often: int, seldom: int) -> float:
    """The p-value of the hypothesis that the first is no more frequent than the second."""
    if not often + seldom:
        return 1.0
    return float(binomtest(often, often + seldom, alternative="greater").pvalue)


def _thumbnails(pixels: torch.Tensor) -> torch.Tensor:
    """Small pictures without their brightness and contrast, of unit length: ``(N, features)``."""
    flat = pixels.flatten(1)
    return _unit(flat - flat.mean(1, keepdim=True))


def _gradients(pixels: torch.Tensor) -> torch.Tensor:
    """Histograms of the gradients' directions on three grids, of unit length: ``(N, features)``.

    They tell left from right wherever a thing lies in the picture (Dalal and Triggs, 2005).
    """
    grey = pixels.mean(1)
    across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    strength = torch.hypot(across, down)
    turns = torch.atan2(down, across) / (2 * math.pi) * _DIRECTIONS
    lower = turns.floor()
    planes = torch.zeros(len(grey), _DIRECTIONS, *strength.shape[1:])
    for direction, share in ((lower, 1 + lower - turns), (lower + 1, turns - lower)):
        index = (direction.long() % _DIRECTIONS)[:, None]
        planes.scatter_add_(1, index, (strength * share)[:, None])
    parts = [_unit(adaptive_avg_pool2d(planes, grid).flatten(1)) for grid in _GRIDS]
    return _unit(torch.cat(parts, 1))


def _unit(features: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / length.clamp(min=1e-6)
