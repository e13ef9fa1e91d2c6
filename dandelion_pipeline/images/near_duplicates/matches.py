"""Pairs of photos that show one picture: laid on each other they are alike, and more so than usual.

How alike is usual differs from set to set, and from place to place within one; see `background`
and `isolation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion_pipeline.images.near_duplicates.alignment import ALIKE
from dandelion_pipeline.images.near_duplicates.background import Background, background_of
from dandelion_pipeline.images.near_duplicates.candidates import (
    Candidates,
    Rows,
    candidates,
    candidates_within,
)
from dandelion_pipeline.images.near_duplicates.clusters import FAR_AWAY, LEAST, Pairs, isolated
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints, Floats
from dandelion_pipeline.images.near_duplicates.verification import likenesses

NearDuplicates = Literal["auto", "exact", "off"]
"""Which photos share a group: near-duplicates, those of equal pixels, or none."""

_EQUAL = np.float32(2)  # above every similarity
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
    likeness: Floats

    def where(self, which: npt.NDArray[np.bool_]) -> "Matches":
        """Some of the pairs."""
        return Matches(self.first[which], self.second[which], self.likeness[which])

    def and_also(self, other: "Matches") -> "Matches":
        """These pairs and others."""
        return Matches(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            np.concatenate([self.likeness, other.likeness]),
        )

    def best_first(self) -> Iterator[tuple[int, int]]:
        """The most alike, and of these the first, before the others."""
        order = np.lexsort((self.second, self.first, -self.likeness))
        return zip(self.first[order].tolist(), self.second[order].tolist(), strict=True)


def find_matches(
    photos: Fingerprints, known: KnownPhotos, groups: pa.Array, how: NearDuplicates
) -> tuple[Matches, Matches, Background | None]:
    """Matches with known photos, matches within the batch, and the background they stand out of."""
    equal, near = _matches_with(photos, known, groups, how)
    if how == "exact":
        return equal, near, None
    within = _matches_within(photos)
    every = [equal, near, within]
    group_of = len(photos) + groups.to_numpy().astype(np.intp)
    pairs = Pairs(
        np.concatenate([one.first for one in every]),
        np.concatenate([group_of[equal.second], group_of[near.second], within.second]),
        np.concatenate([(1 - one.likeness).clip(LEAST) for one in every]),
    )
    things = int(group_of.max(initial=len(photos) - 1)) + 1
    rough = isolated(things, pairs, _ROUGH_RATIO, 1 - ALIKE)
    background = _background(photos, known, rough)
    cluster = isolated(things, pairs, background.ratio, 1 - ALIKE)
    one = near.where(cluster[near.first] == cluster[group_of[near.second]])
    two = within.where(cluster[within.first] == cluster[within.second])
    return (
        equal.and_also(one.where(one.likeness >= ALIKE)),
        two.where(two.likeness >= ALIKE),
        background,
    )


def _background(photos: Fingerprints, known: KnownPhotos, cluster: Rows) -> Background:
    """That of the pictures: of a cluster of photos, or of a group, one counts."""
    firsts = np.unique(cluster, return_index=True)[1]
    new = photos.detail[firsts[firsts < len(photos)]]
    old = known.fingerprints.detail[founders(known.groups.dictionary_encode())]
    every = np.concatenate([old, new])
    return background_of(every[every.any(axis=1)])


def _matches_with(
    photos: Fingerprints, known: KnownPhotos, groups: pa.Array, how: NearDuplicates
) -> tuple[Matches, Matches]:
    """Matches of photos (first) with known ones (second): equal pixels, and near ones."""
    _, oldest = np.unique(known.fingerprints.pixels, return_index=True)
    oldest.sort()
    distinct = known.fingerprints.take(oldest)
    same, of_known = _equal(photos.pixels, distinct.pixels)
    equal = Matches(same, oldest[of_known], np.full(len(same), _EQUAL))
    if how == "exact":
        return equal, equal.where(np.zeros(len(same), dtype=bool))
    (ours, detail), (theirs, among) = photos.detailed(), distinct.detailed()
    numbers = groups.to_numpy().astype(np.intp)[oldest[theirs]]
    near = _near(candidates(detail, among, numbers), detail, among)
    return equal, Matches(ours[near.first], oldest[theirs[near.second]], near.likeness)


def _equal(
    ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The rows of equal numbers; none occurs twice on either side."""
    _, first, second = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return first, second


def _matches_within(photos: Fingerprints) -> Matches:
    rows, detail = photos.detailed()
    near = _near(candidates_within(detail), detail, detail)
    return Matches(rows[near.first], rows[near.second], near.likeness)


def _near(pairs: Candidates, seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8]) -> Matches:
    """The pairs that may show one picture, or are so alike that others have to be more so."""
    likeness = likenesses(pairs, seekers, among)
    return Matches(pairs.seeker, pairs.found, likeness).where(likeness >= 1 - FAR_AWAY)
