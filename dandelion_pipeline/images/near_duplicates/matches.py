"""Pairs of photos that show one picture: laid on each other they are alike, and more so than usual.

How alike is usual differs from set to set, and from place to place within one; see `background`
and `isolation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion_pipeline.images.near_duplicates.alignment import ALIKE, Aligned
from dandelion_pipeline.images.near_duplicates.background import Background, backgrounds_of
from dandelion_pipeline.images.near_duplicates.candidates import (
    Candidates,
    Rows,
    candidates,
    candidates_within,
)
from dandelion_pipeline.images.near_duplicates.clusters import Pairs, isolated
from dandelion_pipeline.images.near_duplicates.distances import DISTANCES
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints
from dandelion_pipeline.images.near_duplicates.verification import verified

NearDuplicates = Literal["auto", "exact", "off"]
"""Which photos share a group: near-duplicates, those of equal pixels, or none."""

_EQUAL = np.float32(2)  # above every similarity
_LIKE_OTHERS = 0.7  # pictures that have nothing to do with each other stay below
_ROUGH_RATIO = 4.0  # to tell apart most copies before the background is known


@dataclass(frozen=True)
class KnownPhotos:
    """Photos that have their groups already, the oldest first."""

    groups: pa.Array
    fingerprints: Fingerprints

    @classmethod
    def none(cls) -> "KnownPhotos":
        """No photos."""
        return cls(pa.array([], pa.string()), Fingerprints.of([]))


def founders(groups: pa.DictionaryArray) -> Rows:
    """The first row of each group."""
    return np.unique(groups.indices.to_numpy(), return_index=True)[1]


@dataclass(frozen=True)
class Matches:
    """Pairs of photos that are alike, in columns."""

    first: Rows
    second: Rows
    alike: Aligned

    def where(self, which: npt.NDArray[np.bool_]) -> "Matches":
        """Some of the pairs."""
        return Matches(self.first[which], self.second[which], self.alike.where(which))

    def and_also(self, other: "Matches") -> "Matches":
        """These pairs and others."""
        alike = Aligned(
            np.concatenate([self.alike.similarity, other.alike.similarity]),
            np.concatenate([self.alike.residual, other.alike.residual]),
        )
        return Matches(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            alike,
        )

    def best_first(self) -> Iterator[tuple[int, int]]:
        """The most alike, and of these the first, before the others."""
        order = np.lexsort((self.second, self.first, -self.alike.similarity))
        return zip(self.first[order].tolist(), self.second[order].tolist(), strict=True)


def find_matches(
    photos: Fingerprints, known: KnownPhotos, groups: pa.Array, how: NearDuplicates
) -> tuple[Matches, Matches, Background | None]:
    """Matches with known photos, matches within the batch, and the background they stand out of."""
    equal, near = _matches_with(photos, known, groups, how)
    if how == "exact":
        return equal, near, None
    within = _matches_within(photos)
    group_of = len(photos) + groups.to_numpy().astype(np.intp)
    every = equal.and_also(near).and_also(within)
    second = np.concatenate([group_of[equal.second], group_of[near.second], within.second])
    things = int(group_of.max(initial=len(photos) - 1)) + 1
    pairs = [Pairs(every.first, second, distance.of(every.alike)) for distance in DISTANCES]
    rough = [
        isolated(things, one, _ROUGH_RATIO, distance.farthest, distance.far_away)
        for one, distance in zip(pairs, DISTANCES, strict=True)
    ]
    backgrounds = _backgrounds(photos, known, rough)
    stands_out = np.zeros(len(second), dtype=bool)
    for one, distance, background in zip(pairs, DISTANCES, backgrounds, strict=True):
        far_away = max(distance.far_away, background.usual)
        cluster = isolated(things, one, background.ratio, distance.farthest, far_away)
        stands_out |= cluster[one.first] == cluster[one.second]
    one_picture = stands_out & (every.alike.similarity >= ALIKE)
    _, of_near, of_within = np.split(
        one_picture, [len(equal.first), len(every.first) - len(within.first)]
    )
    return equal.and_also(near.where(of_near)), within.where(of_within), backgrounds[0]


def _backgrounds(
    photos: Fingerprints, known: KnownPhotos, clusters: list[Rows]
) -> list[Background]:
    """Those of the pictures: of a cluster of photos, or of a group, one counts."""
    firsts = reduce(
        np.intersect1d, (np.unique(cluster, return_index=True)[1] for cluster in clusters)
    )
    new = photos.detail[firsts[firsts < len(photos)]]
    old = known.fingerprints.detail[founders(known.groups.dictionary_encode())]
    every = np.concatenate([old, new])
    return backgrounds_of(every[every.any(axis=1)])


def _matches_with(
    photos: Fingerprints, known: KnownPhotos, groups: pa.Array, how: NearDuplicates
) -> tuple[Matches, Matches]:
    """Matches of photos (first) with known ones (second): equal pixels, and near ones."""
    _, oldest = np.unique(known.fingerprints.pixels, return_index=True)
    oldest.sort()
    distinct = known.fingerprints.take(oldest)
    same, of_known = _equal(photos.pixels, distinct.pixels)
    equal = Matches(
        same, oldest[of_known], Aligned(np.full(len(same), _EQUAL), np.zeros(len(same), np.float32))
    )
    if how == "exact":
        return equal, equal.where(np.zeros(len(same), dtype=bool))
    (ours, detail), (theirs, among) = photos.detailed(), distinct.detailed()
    numbers = groups.to_numpy().astype(np.intp)[oldest[theirs]]
    near = _near(candidates(detail, among, numbers), detail, among)
    return equal, Matches(ours[near.first], oldest[theirs[near.second]], near.alike)


def _equal(
    ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The rows of equal numbers; none occurs twice on either side."""
    _, first, second = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return first, second


def _matches_within(photos: Fingerprints) -> Matches:
    rows, detail = photos.detailed()
    near = _near(candidates_within(detail), detail, detail)
    return Matches(rows[near.first], rows[near.second], near.alike)


def _near(pairs: Candidates, seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8]) -> Matches:
    """The pairs that may show one picture, or are so alike that others have to be more so."""
    found = verified(pairs, seekers, among)
    return Matches(pairs.seeker, pairs.found, found).where(found.similarity >= _LIKE_OTHERS)
