"""How alike two photos are once one lies on the other, shifted and a little larger or smaller.

The way to lay it is found by Gauss-Newton steps (B. D. Lucas, T. Kanade, "An iterative image
registration technique", 1981) on differences of neighbouring cells, which a change of
brightness leaves alone. Photos are sums of waves here: to shift one takes no interpolation.

Two figures say how alike they are then. The similarity is of the whole photo. The residual is what
differs most in one place: a copy differs a little everywhere, another photo of the same scene much
where something moved.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.near_duplicates.fingerprints import (
    FREQUENCY,
    HIGHEST,
    Floats,
    centres,
    cosines,
)

ALIKE = 0.88
"""The similarity from which on two photos count as one picture. Among the 400 photos in
``shared/data``, as they are or mirrored, the highest of two pictures was 0.85 (of pairs whose
coarse features have a cosine above 0.55); of 6,400 altered copies, 6,394 reached 0.88."""

_CELLS = 18
_PROMISING = (0.35, 0.6, 0.8, 0.85)  # before each step; few pairs of two pictures get that far
_RESEMBLING = 0.6  # below it, pictures have so little in common that the residual is not measured
_NOTHING_IN_COMMON = 2.0
_TAPER = 1.5  # cropping moves waves over the edge of what is kept: the highest ones count less
_MOST_SHIFT = 0.055  # of a side
_SMALLEST, _LARGEST = 0.88, 1.14
_USUAL_SHIFT, _USUAL_GROWTH, _TRUST = 0.03, 0.06, 0.002
_MARGIN = 1  # cells at an edge, which a cropped copy holds without what was beyond
_PLACE = 3  # rows and columns of cells
_DIFFERENCES = 4  # around a corner
_AT_ONCE = 128  # as much as stays in the processor's cache

_CENTRES = centres(_CELLS)
_ORDER = np.pi * np.arange(HIGHEST + 1, dtype=np.float32)
_WEIGHTS = np.exp(-_TAPER * (FREQUENCY / HIGHEST) ** 2) / np.maximum(FREQUENCY, 1)
_HELD = _TRUST / np.array([10, _USUAL_SHIFT, _USUAL_GROWTH, _USUAL_SHIFT, _USUAL_GROWTH]) ** 2
_TINY = np.float32(1e-9)


@dataclass(frozen=True)
class Aligned:
    """How alike pairs of photos are, laid on each other; both of shape ``(n,)``."""

    similarity: Floats
    """From -1 to 1; `ALIKE` and above is one picture.

    It is the mean of two correlations of differences: as they are, and with the strong ones held
    down. By the former alone, any two lawns under a white sky would be alike.
    """

    residual: Floats
    """The energy of what differs in the place where most does, 0 for equal photos. The unit is the
    mean energy of the photo: two photos that have nothing in common are about 1 to 5 apart, and
    taken to be 2 apart where the similarity is below 0.6."""

    def where(self, which: npt.NDArray[np.bool_]) -> "Aligned":
        """Some of the pairs."""
        return Aligned(self.similarity[which], self.residual[which])


def align(first: Floats, second: Floats) -> Aligned:
    """Lay photos on each other.

    Args:
        first: coefficients of n photos, as `fingerprints.coefficients` gives them.
        second: those of the other photo of each pair.
    """
    found = Aligned(np.empty(len(first), np.float32), np.empty(len(first), np.float32))
    weights = _WEIGHTS.astype(np.float32)
    for start in range(0, len(first), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        part = _align(first[rows] * weights, second[rows] * weights)
        found.similarity[rows], found.residual[rows] = part.similarity, part.residual
    return found


def _align(first: Floats, second: Floats) -> Aligned:
    edge = cosines(_CENTRES)
    goal = (edge @ second @ edge.T).astype(np.float32)
    place, best_place = np.zeros((2, len(first), 4), np.float32)
    best = np.full(len(first), -1, np.float32)
    rows = np.arange(len(first))
    for promising in (*_PROMISING, np.inf):
        laid = _Laid(first[rows], place)
        likeness = laid.likeness(goal[rows])
        better = likeness > best[rows]
        best[rows[better]], best_place[rows[better]] = likeness[better], place[better]
        kept = best[rows] >= promising
        if kept.any():
            place = place + laid.step(goal[rows])
            place[:, 0::2] = place[:, 0::2].clip(-_MOST_SHIFT, _MOST_SHIFT)
            place[:, 1::2] = place[:, 1::2].clip(_SMALLEST - 1, _LARGEST - 1)
        rows, place = rows[kept], place[kept]
    residual = np.full(len(first), _NOTHING_IN_COMMON, np.float32)
    alike = np.flatnonzero(best >= _RESEMBLING)
    residual[alike] = _Laid(first[alike], best_place[alike]).residual(goal[alike])
    return Aligned(best, residual)


class _Laid:
    """Photos as they lie on others.

    Args:
        waves: their coefficients, shape ``(n, k, k)``.
        place: shift and growth across, then down, in sides of the photo; shape ``(n, 4)``.
    """

    def __init__(self, waves: Floats, place: Floats) -> None:
        self.place = place
        self.x, self.dx, across = _axis(place[:, 0], place[:, 1])
        self.y, self.dy, down = _axis(place[:, 2], place[:, 3])
        inside = down[:, :, None] * across[:, None, :]
        self.weights = np.concatenate(
            [
                _flat(np.minimum(inside[:, :, 1:], inside[:, :, :-1])),
                _flat(np.minimum(inside[:, 1:], inside[:, :-1])),
            ],
            axis=-1,
        )
        self.rows = self.y @ waves
        self.columns = waves @ self.x.transpose(0, 2, 1)
        self.cells = self.y @ self.columns

    def likeness(self, goal: Floats) -> Floats:
        """The similarity as they lie."""
        ours, theirs = _differences(self.cells), _differences(goal)
        plain = self._correlation(ours, theirs)
        held_down = self._correlation(_held_down(ours), _held_down(theirs))
        return ((plain + held_down) / 2).astype(np.float32)

    def residual(self, goal: Floats) -> Floats:
        """What differs most in one place, as they lie."""
        ours, theirs = _differences(self.cells), _differences(goal)
        gain = self._product(ours, theirs) / (self._product(ours, ours) + _TINY)
        left = _around_corners(self.weights * np.square(theirs - gain[:, None] * ours))
        there = _around_corners(self.weights * np.square(theirs)).sum(axis=(1, 2))
        inside = _around_corners(self.weights).sum(axis=(1, 2)) / _DIFFERENCES
        largest = _sums_of_places(left).max(axis=(1, 2)) / _PLACE**2
        residual: Floats = (largest * inside / (there + _TINY)).astype(np.float32)
        return residual

    def _correlation(self, ours: Floats, theirs: Floats) -> Floats:
        both = self._product(ours, theirs)
        alone = self._product(ours, ours) * self._product(theirs, theirs)
        correlation: Floats = both / np.sqrt(alone + _TINY)
        return correlation

    def _product(self, ours: Floats, theirs: Floats) -> Floats:
        product: Floats = np.einsum("nm,nm,nm->n", self.weights, ours, theirs)
        return product

    def step(self, goal: Floats) -> Floats:
        """By how much to move them so that they lie better; shape like `place`."""
        ours, theirs = _differences(self.cells), _differences(goal)
        gain = self._product(ours, theirs) / (self._product(ours, ours) + _TINY)
        gain = gain.clip(0.5, 2)[:, None]
        across = gain[:, :, None] * (self.rows @ self.dx.transpose(0, 2, 1))
        down = gain[:, :, None] * (self.dy @ self.columns)
        middle = _CENTRES - np.float32(0.5)
        moves = np.stack(
            [self.cells, across, across * middle, down, down * middle[:, None]], axis=1
        )
        slopes = _differences(moves)
        weighted = slopes * self.weights[:, None]
        normal = weighted @ slopes.transpose(0, 2, 1)
        towards = (weighted @ (theirs - gain * ours)[:, :, None])[:, :, 0]
        held = (self._product(theirs, theirs) + _TINY)[:, None] * _HELD.astype(np.float32)
        towards[:, 1:] -= held[:, 1:] * self.place
        normal += np.eye(len(_HELD), dtype=np.float32) * held[:, None, :]
        solved: Floats = np.linalg.solve(normal, towards[:, :, None])[:, 1:, 0]
        return solved


def _axis(shift: Floats, growth: Floats) -> tuple[Floats, Floats, Floats]:
    """Waves at the cells' places along an axis, their slopes, and how much of a cell is inside."""
    middle = _CENTRES - np.float32(0.5)
    places = middle * (1 + growth[:, None]) + shift[:, None] + np.float32(0.5)
    beyond = np.maximum(-places, places - 1) + np.float32(0.5 / _CELLS)
    phases = places[:, :, None] * _ORDER
    inside = np.clip(1 - _CELLS * beyond.clip(0), 0, 1)
    return np.cos(phases), -np.sin(phases) * _ORDER, inside


def _differences(cells: Floats) -> Floats:
    """Those of neighbours, across and then down: the last two axes become one."""
    across = cells[..., :, 1:] - cells[..., :, :-1]
    down = cells[..., 1:, :] - cells[..., :-1, :]
    return np.concatenate([_flat(across), _flat(down)], axis=-1)


def _around_corners(differences: Floats) -> Floats:
    """Sums of the `_DIFFERENCES` around each corner of four cells, without the photo's margin.

    Returns:
        Shape ``(n, k, k)``.
    """
    split = _CELLS * (_CELLS - 1)
    across = differences[:, :split].reshape(-1, _CELLS, _CELLS - 1)
    down = differences[:, split:].reshape(-1, _CELLS - 1, _CELLS)
    sums = across[:, :-1] + across[:, 1:] + down[:, :, :-1] + down[:, :, 1:]
    inner = slice(_MARGIN, -_MARGIN)
    around: Floats = sums[:, inner, inner]
    return around


def _sums_of_places(cells: Floats) -> Floats:
    """Sums of `_PLACE` rows and columns, wherever such a square fits."""
    windows = np.lib.stride_tricks.sliding_window_view(cells, (_PLACE, _PLACE), axis=(1, 2))
    sums: Floats = windows.sum(axis=(-2, -1))
    return sums


def _flat(cells: Floats) -> Floats:
    *rest, rows, columns = cells.shape
    return cells.reshape(*rest, rows * columns)


def _held_down(differences: Floats) -> Floats:
    """Near the sign where they are above their root mean square, as they are below it."""
    power = np.square(differences).mean(axis=-1, keepdims=True) + _TINY
    held: Floats = differences / np.sqrt(np.square(differences) + power)
    return held
