"""Clusters of photos that lie much closer to each other than to any other photo.

Pairs are merged by single linkage (P. H. A. Sneath, 1957; here by J. B. Kruskal's algorithm, 1956).
A cluster is isolated if the next photo is several times as far away as its own longest link. So the
bound adapts to each place of the set: where all photos are alike, only far closer ones count.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Distances = npt.NDArray[np.float32]

_LARGEST = 64
_LARGEST_SHARE = 4
_AT_ONCE = 10_000


@dataclass(frozen=True)
class Pairs:
    """Pairs of n things and their distances, in columns."""

    first: Rows
    second: Rows
    distance: Distances


def isolated(things: int, pairs: Pairs, ratio: float, farthest: float, far_away: float) -> Rows:
    """The largest isolated cluster of each thing.

    More than 64 things, or more than a quarter of at least 16, are what the set is like, not one
    picture.

    Args:
        things: how many there are.
        pairs: those that are near, in any order.
        ratio: how many times as far as its longest link the next thing has to be.
        farthest: the longest link of a cluster.
        far_away: where the next thing is taken to be if none was found.

    Returns:
        A number for each; things of equal numbers are in one cluster. Shape ``(n,)``.
    """
    tree = _Tree(things)
    order = np.lexsort((pairs.second, pairs.first, pairs.distance))
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        columns = (pairs.first[rows], pairs.second[rows], pairs.distance[rows])
        for one, other, distance in zip(*(column.tolist() for column in columns), strict=True):
            tree.merge(one, other, distance)
    most = min(_LARGEST, things // _LARGEST_SHARE) if things >= 4 * _LARGEST_SHARE else things
    return tree.cut(ratio, farthest, far_away, most)


@dataclass
class _Tree:
    """Merges: the first nodes are things, each other one joins two that came before."""

    things: int
    _above: list[int] = field(init=False)
    """The node of which each became a part; itself, if of none."""

    _roots: list[int] = field(init=False)
    """As ``_above``, with short cuts."""

    _height: list[float] = field(init=False)
    _size: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._above, self._roots = list(range(self.things)), list(range(self.things))
        self._height, self._size = [0.0] * self.things, [1] * self.things

    def merge(self, one: int, other: int, height: float) -> None:
        first, second = self._root(one), self._root(other)
        if first == second:
            return
        node = len(self._above)
        for part in (first, second):
            self._above[part] = self._roots[part] = node
        self._above.append(node)
        self._roots.append(node)
        self._height.append(height)
        self._size.append(self._size[first] + self._size[second])

    def cut(self, ratio: float, farthest: float, far_away: float, most: int) -> Rows:
        """From the top down: the first node on the way that is isolated, or else the thing."""
        nodes = len(self._above)
        cluster, is_isolated = list(range(nodes)), [False] * nodes
        for node in reversed(range(nodes)):
            above, height = self._above[node], self._height[node]
            if above != node and is_isolated[above]:
                cluster[node], is_isolated[node] = cluster[above], True
                continue
            following = self._height[above] if above != node else max(far_away, height)
            is_isolated[node] = (
                height <= farthest and following >= ratio * height and self._size[node] <= most
            )
        return np.asarray(cluster[: self.things], np.intp)

    def _root(self, node: int) -> int:
        roots = self._roots
        while roots[node] != node:
            roots[node] = roots[roots[node]]
            node = roots[node]
        return node
