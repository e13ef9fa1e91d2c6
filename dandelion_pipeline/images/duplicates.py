"""Groups of photos that show one picture, so that no picture is on both sides of a split.

A group is called after the sha256 of its first photo, for good: photos join groups, but groups
never become one. A new photo that is like photos of several groups joins one of them and names
the others as its bridges; who uses the groups leaves such a photo out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.alignment import ALIKE, similarity
from dandelion_pipeline.images.fingerprint import Fingerprints, coefficients, mirrored
from dandelion_pipeline.images.lookup import Candidates, candidates, candidates_within

_EQUAL = 2.0  # above every similarity
_AT_ONCE = 4_096


@dataclass(frozen=True)
class Membership:
    """Where a photo belongs."""

    group: str
    """The sha256 of the group's first photo."""

    bridges: tuple[str, ...] = ()
    """Other groups that hold photos like this one, sorted; where any, it is to be left out."""


@dataclass(frozen=True)
class KnownPhotos:
    """Photos that have their groups already, the oldest first."""

    groups: Sequence[str]
    fingerprints: Fingerprints


@dataclass(frozen=True, order=True)
class _Match:
    """Two photos that are alike; the most alike and the first ones sort first."""

    unlikeness: float
    first: int
    second: int


def group_photos(
    sha256: Sequence[str], fingerprints: Fingerprints, known: KnownPhotos
) -> dict[str, Membership]:
    """Give each photo of a batch its group.

    Args:
        sha256: of each photo, in whatever order: the result is the same.
        fingerprints: of each photo, in the same order.
        known: all photos that have groups.

    Returns:
        The membership of each sha256.
    """
    pixels = fingerprints.pixels.tolist()
    first_with: dict[int, int] = {}
    for row in sorted(range(len(sha256)), key=sha256.__getitem__):
        first_with.setdefault(pixels[row], row)
    pictures = list(first_with.values())
    distinct = fingerprints.take(np.array(pictures, np.intp))
    forest = _Forest([sha256[row] for row in pictures])
    forest.settle(_matches_with(distinct, known), known.groups)
    forest.grow(_matches_within(distinct))
    membership = dict(zip(first_with, forest.memberships(), strict=True))
    return {name: membership[pixels[row]] for row, name in enumerate(sha256)}


def _matches_with(photos: Fingerprints, known: KnownPhotos) -> list[_Match]:
    """Matches of photos (first) with known ones (second)."""
    _, oldest = np.unique(known.fingerprints.pixels, return_index=True)
    oldest.sort()
    distinct = known.fingerprints.take(oldest)
    row_of = {pixels: row for row, pixels in enumerate(distinct.pixels.tolist())}
    equal = [
        _Match(-_EQUAL, row, int(oldest[row_of[pixels]]))
        for row, pixels in enumerate(photos.pixels.tolist())
        if pixels in row_of
    ]
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(known.groups[row], len(numbers)) for row in oldest]
    ours, theirs = photos.detailed(), distinct.detailed()
    found = candidates(
        photos.detail[ours], distinct.detail[theirs], np.array(groups, np.intp)[theirs]
    )
    alike = _alike(found, photos.detail[ours], distinct.detail[theirs])
    return equal + [
        _Match(m.unlikeness, int(ours[m.first]), int(oldest[theirs[m.second]])) for m in alike
    ]


def _matches_within(photos: Fingerprints) -> list[_Match]:
    rows = photos.detailed()
    detail = photos.detail[rows]
    alike = _alike(candidates_within(detail), detail, detail)
    return [_Match(m.unlikeness, int(rows[m.first]), int(rows[m.second])) for m in alike]


def _alike(
    pairs: Candidates, seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8]
) -> list[_Match]:
    """The pairs that show one picture."""
    matches = []
    for start in range(0, len(pairs), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        seeker, found = pairs.seeker[rows], pairs.found[rows]
        sought = coefficients(seekers[seeker])
        flip = pairs.mirrored[rows][:, None, None]
        likeness = similarity(coefficients(among[found]), np.where(flip, mirrored(sought), sought))
        matches += [
            _Match(-float(likeness[row]), int(seeker[row]), int(found[row]))
            for row in np.flatnonzero(likeness >= ALIKE)
        ]
    return matches


@dataclass
class _Forest:
    """Photos joined by their matches, the best first (J. B. Kruskal, 1956).

    A tree has one known group at most: matches between trees of two known groups join nothing.
    """

    names: Sequence[str]
    """The photos' sha256, sorted."""

    _above: list[int] = field(init=False)
    _known: dict[int, str] = field(init=False, default_factory=dict)
    """The known group of a tree, by its root."""

    _bridges: dict[int, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._above = list(range(len(self.names)))

    def settle(self, matches: Iterable[_Match], groups: Sequence[str]) -> None:
        """Photos go to the known group of their best match; their other groups are bridges."""
        for match in sorted(matches):
            group = groups[match.second]
            if self._known.setdefault(match.first, group) != group:
                self._bridges.setdefault(match.first, set()).add(group)

    def grow(self, matches: Iterable[_Match]) -> None:
        """Join photos of the batch; of two that belong to two known groups, one is a bridge."""
        apart = []
        for match in sorted(matches):
            first, second = sorted((self._root(match.first), self._root(match.second)))
            if first in self._known and second in self._known:
                if self._known[first] != self._known[second]:
                    apart.append(match)
                    continue
            elif second in self._known:
                self._known[first] = self._known[second]
            self._above[second] = first
        for match in apart:
            if match.first not in self._bridges and match.second not in self._bridges:
                self._bridges[match.second] = {self._known[self._root(match.first)]}

    def memberships(self) -> list[Membership]:
        """Those of the photos; the root of a tree is its first photo."""
        found = []
        for photo in range(len(self.names)):
            root = self._root(photo)
            bridges = tuple(sorted(self._bridges.get(photo, ())))
            found.append(Membership(self._known.get(root, self.names[root]), bridges))
        return found

    def _root(self, photo: int) -> int:
        while self._above[photo] != photo:
            self._above[photo] = self._above[self._above[photo]]
            photo = self._above[photo]
        return photo
