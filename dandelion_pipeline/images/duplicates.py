"""Groups of photos that show one picture, so that no picture is on both sides of a split.

A group is called after the sha256 of its first photo, for good: photos join groups, but groups
never become one. A new photo that is like photos of several groups joins one of them and names
the others as its bridges; who uses the groups leaves such a photo out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.images.alignment import ALIKE, similarity
from dandelion_pipeline.images.fingerprint import Fingerprints, Floats, coefficients, mirrored
from dandelion_pipeline.images.lookup import Candidates, Rows, candidates, candidates_within

_EQUAL = np.float32(2)  # above every similarity
_AT_ONCE = 4_096


@dataclass(frozen=True)
class Memberships:
    """Where the photos of a batch belong, in columns."""

    group: pa.Array
    """The sha256 of the first photo of the group of each."""

    bridges: pa.Array
    """Lists of other groups that hold photos like this one, sorted; where there are any, the photo
    is to be left out."""


@dataclass(frozen=True)
class KnownPhotos:
    """Photos that have their groups already, the oldest first."""

    groups: pa.Array
    fingerprints: Fingerprints

    @classmethod
    def none(cls) -> "KnownPhotos":
        """No photos."""
        return cls(pa.array([], pa.string()), Fingerprints.of([]))


def group_photos(sha256: pa.Array, fingerprints: Fingerprints, known: KnownPhotos) -> Memberships:
    """Give each photo of a batch its group.

    Args:
        sha256: of each photo, in whatever order: the result is the same.
        fingerprints: of each photo, in the same order.
        known: all photos that have groups.
    """
    pictures, picture_of = _pictures(sha256, fingerprints.pixels)
    distinct = fingerprints.take(pictures)
    del fingerprints  # 17 MB for 100,000 photos, where the caller does not need them either
    groups = known.groups.dictionary_encode()
    forest = _Forest(len(pictures))
    forest.settle(_matches_with(distinct, known, groups.indices), groups.indices)
    forest.grow(_matches_within(distinct))
    names = pa.concat_arrays([sha256.take(pa.array(pictures)), groups.dictionary])
    found, rows = forest.memberships(names), pa.array(picture_of)
    return Memberships(found.group.take(rows), found.bridges.take(rows))


def _pictures(sha256: pa.Array, pixels: npt.NDArray[np.uint64]) -> tuple[Rows, Rows]:
    """Of equal pixels the photo with the first sha256.

    Returns:
        The rows of these, sorted by sha256, and which of them each photo shows.
    """
    order = pc.sort_indices(sha256).to_numpy().astype(np.intp)
    _, first, number = np.unique(pixels[order], return_index=True, return_inverse=True)
    by_name = np.argsort(first)
    place = np.empty_like(by_name)
    place[by_name] = np.arange(len(by_name))
    picture_of = np.empty(len(order), np.intp)
    picture_of[order] = place[number]
    return order[first[by_name]], picture_of


@dataclass(frozen=True)
class _Matches:
    """Pairs of photos that are alike, in columns."""

    first: Rows
    second: Rows
    likeness: Floats

    def best_first(self) -> Iterator[tuple[int, int]]:
        """The most alike, and of these the first, before the others."""
        order = np.lexsort((self.second, self.first, -self.likeness))
        return zip(self.first[order].tolist(), self.second[order].tolist(), strict=True)


def _matches_with(photos: Fingerprints, known: KnownPhotos, groups: pa.Array) -> _Matches:
    """Matches of photos (first) with known ones (second)."""
    _, oldest = np.unique(known.fingerprints.pixels, return_index=True)
    oldest.sort()
    distinct = known.fingerprints.take(oldest)
    same, of_known = _equal(photos.pixels, distinct.pixels)
    (ours, detail), (theirs, among) = photos.detailed(), distinct.detailed()
    numbers = groups.to_numpy().astype(np.intp)[oldest[theirs]]
    alike = _alike(candidates(detail, among, numbers), detail, among)
    return _Matches(
        np.concatenate([same, ours[alike.first]]),
        np.concatenate([oldest[of_known], oldest[theirs[alike.second]]]),
        np.concatenate([np.full(len(same), _EQUAL), alike.likeness]),
    )


def _equal(
    ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The rows of equal numbers; none occurs twice on either side."""
    _, first, second = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return first, second


def _matches_within(photos: Fingerprints) -> _Matches:
    rows, detail = photos.detailed()
    alike = _alike(candidates_within(detail), detail, detail)
    return _Matches(rows[alike.first], rows[alike.second], alike.likeness)


def _alike(
    pairs: Candidates, seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8]
) -> _Matches:
    """The pairs that show one picture."""
    likeness = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        sought = coefficients(seekers[pairs.seeker[rows]])
        flip = pairs.mirrored[rows][:, None, None]
        likeness[rows] = similarity(
            coefficients(among[pairs.found[rows]]), np.where(flip, mirrored(sought), sought)
        )
    alike = np.flatnonzero(likeness >= ALIKE)
    return _Matches(pairs.seeker[alike], pairs.found[alike], likeness[alike])


@dataclass
class _Forest:
    """Photos joined by their matches, the best first (J. B. Kruskal, 1956).

    A tree has one known group at most: matches between trees of two known groups join nothing.
    Photos and known groups are numbers here.
    """

    photos: int
    _above: Rows = field(init=False)
    _known: dict[int, int] = field(init=False, default_factory=dict)
    """The known group of a tree, by its root."""

    _bridges: dict[int, set[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._above = np.arange(self.photos)

    def settle(self, matches: _Matches, groups: pa.Array) -> None:
        """Photos go to the known group of their best match; their other groups are bridges."""
        for photo, known in matches.best_first():
            group = groups[known].as_py()
            if self._known.setdefault(photo, group) != group:
                self._bridges.setdefault(photo, set()).add(group)

    def grow(self, matches: _Matches) -> None:
        """Join photos of the batch; of two that belong to two known groups, one is a bridge."""
        apart = []
        for one, other in matches.best_first():
            first, second = sorted((self._root(one), self._root(other)))
            if first in self._known and second in self._known:
                if self._known[first] != self._known[second]:
                    apart.append((one, other))
                    continue
            elif second in self._known:
                self._known[first] = self._known[second]
            self._above[second] = first
        for one, other in apart:
            if one not in self._bridges and other not in self._bridges:
                self._bridges[other] = {self._known[self._root(one)]}

    def memberships(self, names: pa.Array) -> Memberships:
        """Those of the photos; the root of a tree is its first photo.

        Args:
            names: the photos' sha256, and then the names of the known groups.
        """
        known = np.full(self.photos, -1)
        known[list(self._known)] = list(self._known.values())
        roots = self._roots()
        group = np.where(known[roots] < 0, roots, self.photos + known[roots])
        return Memberships(names.take(pa.array(group)), self._lists(names[self.photos :]))

    def _lists(self, known: pa.Array) -> pa.Array:
        """The bridges of each photo, by their names."""
        lengths = np.zeros(self.photos + 1, np.int32)
        found: list[str] = []
        for photo in sorted(self._bridges):
            named = sorted(known.take(pa.array(self._bridges[photo])).to_pylist())
            lengths[photo + 1] = len(named)
            found += named
        offsets = pa.array(lengths.cumsum(dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array(found, pa.string()))

    def _root(self, photo: int) -> int:
        while self._above[photo] != photo:
            self._above[photo] = self._above[self._above[photo]]
            photo = int(self._above[photo])
        return photo

    def _roots(self) -> Rows:
        roots = self._above
        while not np.array_equal(further := roots[roots], roots):
            roots = further
        return roots
