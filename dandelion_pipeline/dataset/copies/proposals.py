"""Which pairs of photos are looked at: the nearest by what the backbone sees in them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]

FEWEST, MOST = 32, 100
"""How many pairs a photo proposes at most. Where few photos resemble each other, 10 would do;
before a fixed camera a copy is as near as dozens of other frames."""

_PAIRS = 20_000
"""So many pairs are compared of small sets in any case."""

LEAST = 0.45
"""The cosine of a pair. Of copies that were rotated by 10 degrees or kept three quarters of each
side, 95 to 100 in 100 have more, by the set."""

_SEEKERS, _OTHERS = 1_024, 8_192  # compared at once: some 100 MB


@dataclass(frozen=True)
class Nearest:
    """The best candidates of some photos so far; both of shape ``(seekers, count)``."""

    rows: Rows
    cosines: Floats

    def with_others(self, rows: Rows, cosines: Floats, most: int) -> "Nearest":
        """The best of these and of others, the nearest first, and of equal ones the first row."""
        every = np.concatenate([self.cosines, cosines], axis=1)
        named = np.concatenate([self.rows, np.broadcast_to(rows, cosines.shape)], axis=1)
        if every.shape[1] > most:
            best = np.argpartition(-every, most - 1, axis=1)[:, :most]
            every, named = (np.take_along_axis(one, best, axis=1) for one in (every, named))
        order = np.lexsort((named, -every), axis=1)
        return Nearest(
            np.take_along_axis(named, order, axis=1), np.take_along_axis(every, order, axis=1)
        )


def proposals(features: npt.NDArray[np.float16], seekers: Rows) -> tuple[Rows, Rows]:
    """Pairs of photos that may be copies.

    Args:
        features: of n photos, of length 1; shape ``(n, k)``.
        seekers: the rows of the photos for which others are looked for.

    Returns:
        Their rows in two columns, each pair once and sorted; the first is the smaller.
    """
    pairs = [np.zeros((0, 2), np.intp)]
    for start in range(0, len(seekers), _SEEKERS):
        part = seekers[start : start + _SEEKERS]
        found = _nearest(features, part)
        seeker = np.broadcast_to(part[:, None], found.rows.shape)
        near = found.cosines >= LEAST
        pairs.append(np.sort(np.stack([seeker[near], found.rows[near]], axis=1), axis=1))
    once = np.unique(np.concatenate(pairs), axis=0)
    return once[:, 0], once[:, 1]


def _nearest(features: npt.NDArray[np.float16], seekers: Rows) -> Nearest:
    sought = features[seekers].astype(np.float32)
    empty = (len(seekers), 0)
    best = Nearest(np.zeros(empty, np.intp), np.zeros(empty, np.float32))
    most = min(max(FEWEST, _PAIRS // len(features)), MOST)
    for start in range(0, len(features), _OTHERS):
        rows = np.arange(start, min(start + _OTHERS, len(features)))
        cosines = sought @ features[start : start + _OTHERS].astype(np.float32).T
        cosines[seekers[:, None] == rows] = -1  # itself
        best = best.with_others(rows, cosines, most)
    return best
