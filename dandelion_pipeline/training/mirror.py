"""Whether mirror images of photos carry the labels of the photos.

Most things may be mirrored; arrows, letters, and left and right hands may not. The training photos
tell: their labels are predicted by the nearest other photo, once from the photos alone and once
from the photos and their mirror images. Where mirror images turn significantly more answers wrong
than right, a network would learn the wrong labels from them too.
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
        groups: photos of equal numbers are near-duplicates, which are not compared; ``(N,)``.
    """
    some = slice(0, MOST_PHOTOS)
    pixels, labels = pixels[some], labels[some]
    own = torch.arange(len(labels)) if groups is None else groups[some]
    related = own[:, None] == own[None]
    for number, (features, side) in enumerate(((_thumbnails, _PIXELS), (_gradients, _GRADIENTS))):
        reduced = interpolate(pixels, (side, side), mode="bilinear", antialias=True).float()
        photos, mirrored = features(reduced), features(reduced.flip(3))
        direct, reflected = photos @ photos.T, photos @ mirrored.T
        direct[related] = reflected[related] = -math.inf
        near, nearest = direct.max(1)
        near_mirrored, nearest_mirrored = reflected.max(1)
        closer = near_mirrored > near
        same = labels[nearest_mirrored] == labels
        if number == 0:
            twins = closer & (near_mirrored >= TWIN)
            others, alike = int((twins & ~same).sum()), int((twins & same).sum())
            if _more(others, alike) < TWIN_SIGNIFICANCE:
                reason = f"{others} of {len(labels)} photos are mirror images of another class's"
                return Verdict(mirror=False, reason=reason)
        right = labels[nearest] == labels
        lost, won = int((right & closer & ~same).sum()), int((~right & closer & same).sum())
        if (chance := _more(lost, won)) < SIGNIFICANCE:
            reason = (
                f"beside mirror images, {lost} of {len(labels)} photos look like another class, "
                f"and only {won} like their own again (p = {chance:.1g})"
            )
            return Verdict(mirror=False, reason=reason)
    return Verdict(mirror=True, reason=f"mirror images of {len(labels)} photos keep their labels")


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
    return features / torch.linalg.vector_norm(features, dim=1, keepdim=True).clamp(min=1e-6)
