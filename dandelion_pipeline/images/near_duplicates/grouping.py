"""Groups of photos that show one picture, so that no picture is on both sides of a split.

A group is called after the sha256 of its first photo, for good: photos join groups, but groups
never become one. A new photo that is like photos of several groups joins one of them and names
the others as its bridges; who uses the groups leaves such a photo out.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.images.near_duplicates.alignment import ALIKE
from dandelion_pipeline.images.near_duplicates.background import Background
from dandelion_pipeline.images.near_duplicates.candidates import Candidates, Rows
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints, Floats
from dandelion_pipeline.images.near_duplicates.matches import (
    KnownPhotos,
    Matches,
    NearDuplicates,
    find_matches,
    founders,
)
from dandelion_pipeline.images.near_duplicates.verification import verified

_LEAST_LIKE = 1 - 2 * (1 - ALIKE)  # to a group's founder: two photos of it are that far apart


@dataclass(frozen=True)
class Memberships:
    """Where the photos of a batch belong, in columns."""

    group: pa.Array
    """The sha256 of the first photo of the group of each."""

    bridges: pa.Array
    """Lists of other groups that hold photos like this one, sorted; where there are any, the photo
    is to be left out."""

    background: Background | None
    """What near-duplicates had to stand out of, where they were looked for."""


def group_photos(
    sha256: pa.Array, fingerprints: Fingerprints, known: KnownPhotos, how: NearDuplicates = "auto"
) -> Memberships:
    """Give each photo of a batch its group.

    Args:
        sha256: of each photo, in whatever order: the result is the same.
        fingerprints: of each photo, in the same order.
        known: all photos that have groups.
        how: which photos are near-duplicates.
    """
    if how == "off":
        nothing = pa.array([[]] * len(sha256), pa.list_(pa.string()))
        return Memberships(sha256, nothing, None)
    pictures, picture_of = _pictures(sha256, fingerprints.pixels)
    distinct = fingerprints.take(pictures)
    del fingerprints  # 17 MB for 100,000 photos, where the caller does not need them either
    groups = known.groups.dictionary_encode()
    outer, inner, background = find_matches(distinct, known, groups.indices, how)
    forest = _Forest(len(pictures))
    forest.settle(outer, groups.indices)
    forest.grow(inner)
    forest.shorten(distinct, known.fingerprints.take(founders(groups)))
    names = pa.concat_arrays([sha256.take(pa.array(pictures)), groups.dictionary])
    found, rows = forest.memberships(names), pa.array(picture_of)
    return Memberships(found.group.take(rows), found.bridges.take(rows), background)


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


def _either_way(detail: npt.NDArray[np.int8], photos: Rows, founders: Rows) -> Floats:
    """How like their founders photos are, as they are or mirrored."""
    pairs = (
        Candidates(photos, founders, np.full(len(photos), fill_value=flip))
        for flip in (False, True)
    )
    return np.maximum(*(verified(one, detail, detail).similarity for one in pairs))


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
    _group: Rows = field(init=False)
    """The first photo of each, or the number of photos and that of a known group."""

    def __post_init__(self) -> None:
        self._above = np.arange(self.photos)

    def settle(self, matches: Matches, groups: pa.Array) -> None:
        """Photos go to the known group of their best match; their other groups are bridges."""
        for photo, known in matches.best_first():
            group = groups[known].as_py()
            if self._known.setdefault(photo, group) != group:
                self._bridges.setdefault(photo, set()).add(group)

    def grow(self, matches: Matches) -> None:
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

    def shorten(self, photos: Fingerprints, oldest: Fingerprints) -> None:
        """Let no photo stay in a group whose founder is not like it: no chain becomes a group.

        Args:
            photos: those of the batch.
            oldest: the first photo of each known group.
        """
        self._group = self._roots()
        known = np.full(self.photos, -1)
        known[list(self._known)] = list(self._known.values())
        of_root = known[self._group]
        self._group = np.where(of_root < 0, self._group, self.photos + of_root)
        detail = np.concatenate([photos.detail, oldest.detail])
        pending = np.flatnonzero(self._group != np.arange(self.photos))
        pending = pending[photos.detail[pending].any(axis=1)]
        while len(pending):
            far = pending[_either_way(detail, pending, self._group[pending]) < _LEAST_LIKE]
            leaders = {
                int(group): int(far[self._group[far] == group][0])
                for group in np.unique(self._group[far])
            }
            for photo in far.tolist():
                group = int(self._group[photo])
                if group >= self.photos:
                    self._bridges.setdefault(photo, set()).add(group - self.photos)
                self._group[photo] = leaders[group]
            pending = far[self._group[far] != far]

    def memberships(self, names: pa.Array) -> Memberships:
        """Those of the photos.

        Args:
            names: the photos' sha256, and then the names of the known groups.
        """
        bridges = self._lists(names[self.photos :])
        return Memberships(names.take(pa.array(self._group)), bridges, None)

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
