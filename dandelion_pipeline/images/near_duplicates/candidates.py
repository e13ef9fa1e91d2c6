"""Which photos may be alike: a few candidates for each, found without comparing all with all.

Locality-sensitive hashing by the signs of random projections (M. Charikar, "Similarity estimation
techniques from rounding algorithms", 2002), as a forest: in each of `_TABLES` sorted lists, the
neighbours of a photo are looked at, however long a beginning their keys share (M. Bawa et al.,
"LSH forest", 2005). So the work grows as n log n, whatever the photos are. Few photos are compared
one and all.

A photo is in the lists as it is and without its margins, and is looked for in four ways: these
two, each also mirrored. Then a copy that lacks a twentieth at an edge is near.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.images.near_duplicates.fingerprints import (
    FREQUENCY,
    SIDE,
    Floats,
    analysis,
    centres,
    coefficients,
    cosines,
    mirrored,
)

Rows = npt.NDArray[np.intp]
Keys = npt.NDArray[np.uint64]

_TABLES = 32
_NEIGHBOURS = 16  # in a list, on either side
_FAR = 18  # bits of 64 that differ: 10 at a cosine of 0.88, 32 between any two photos
_NEAR = 0.74
_MOST = 10  # candidates of a photo
_MOST_OF_A_GROUP = 3
_WITHOUT_MARGINS = 0.95
_LENGTH = 127  # so that a number fits into a byte: there are 88 for each photo of all days
_AT_ONCE = 16_384
_FEW = 1_000_000  # pairs that are compared one and all, which is faster up to here
_TABLES_AT_ONCE = 2

_COARSE = (FREQUENCY > 0) & (FREQUENCY <= 7)  # noqa: PLR2004 (44 waves that change little when cropped)
_PROJECTIONS = np.random.default_rng(20_260_101).standard_normal(
    (_TABLES + 1, int(_COARSE.sum()), 64), np.float32
)
_FLIP = mirrored(np.ones(FREQUENCY.shape, np.float32))[_COARSE]
_PLACES = (centres(SIDE) - 0.5) * _WITHOUT_MARGINS + 0.5
_CROP = (analysis(SIDE) @ cosines(_PLACES.astype(np.float32))).astype(np.float32)


@dataclass(frozen=True)
class Candidates:
    """Pairs of photos that may be alike, in columns; none occurs twice."""

    seeker: Rows
    """Row of the photo that was looked for."""

    found: Rows
    """Row of the photo that may be like it."""

    mirrored: npt.NDArray[np.bool_]
    """Whether the one may be like the other's mirror image."""

    def __len__(self) -> int:
        return len(self.seeker)


_NONE = Candidates(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, dtype=bool))


def candidates(
    seekers: npt.NDArray[np.int8], among: npt.NDArray[np.int8], groups: Rows
) -> Candidates:
    """Look for photos among others.

    Args:
        seekers: the detail of n photos, none of them empty; see `fingerprints.Fingerprints`.
        among: that of m photos.
        groups: a number for each of the m; few of a group are given for each photo.
    """
    if not (len(seekers) and len(among)):
        return _NONE
    return _search(_Features.of(seekers), _Features.of(among), groups)


def _search(seekers: "_Features", among: "_Features", groups: Rows) -> Candidates:
    search = _Search(seekers, among, groups)
    if len(seekers.whole) * len(among.whole) <= _FEW:
        return search.decoded(search.best(search.all_near()))
    best = np.zeros(0, np.int64)
    for first in range(0, _TABLES, _TABLES_AT_ONCE):
        codes = [best]
        for projection in _PROJECTIONS[first : first + _TABLES_AT_ONCE]:
            codes.extend(search.near(projection))
        best = search.best(_once(np.concatenate(codes)))
    return search.decoded(best)


def candidates_within(photos: npt.NDArray[np.int8]) -> Candidates:
    """Look for photos among themselves; of each pair, the seeker is the first."""
    if not len(photos):
        return _NONE
    features = _Features.of(photos)
    both = _search(features, features, np.arange(len(photos)))
    low, high = np.minimum(both.seeker, both.found), np.maximum(both.seeker, both.found)
    codes = _once((low * len(photos) + high) * 2 + both.mirrored)
    pairs = codes // 2
    seeker, found = np.divmod(pairs, len(photos))
    apart = seeker != found
    return Candidates(seeker[apart], found[apart], (codes % 2 == 1)[apart])


def nearest(photos: npt.NDArray[np.int8], sample: Rows, most: int) -> Candidates:
    """The nearest photos of some, all compared with all.

    Args:
        photos: the detail of n photos, none of them empty.
        sample: rows of the photos that others are looked for.
        most: how many for each.
    """
    features, most = _Features.of(photos), min(most, len(photos) - 1)
    sought = _Features.of(photos[sample])
    best = np.full((len(sample), most), -1, np.float32)
    found = np.zeros((len(sample), most), np.intp)
    mirror = np.zeros((len(sample), most), dtype=bool)
    for start in range(0, len(photos), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        ways = [sought.cosines(features.part(rows), flip) for flip in (np.float32(1), _FLIP)]
        cosine = np.maximum(*ways)
        inside = np.flatnonzero((sample >= start) & (sample < start + cosine.shape[1]))
        cosine[inside, sample[inside] - start] = -1  # itself
        every = np.concatenate([best, cosine], axis=1)
        where = np.arange(start, start + cosine.shape[1])
        rows_of = np.concatenate([found, np.broadcast_to(where, cosine.shape)], axis=1)
        flips = np.concatenate([mirror, ways[1] > ways[0]], axis=1)
        order = np.argsort(-every, axis=1, kind="stable")[:, :most]
        best, found, mirror = (np.take_along_axis(one, order, 1) for one in (every, rows_of, flips))
    return Candidates(np.repeat(sample, most), found.ravel(), mirror.ravel())


@dataclass(frozen=True)
class _Features:
    """Coarse features of n photos, each of length `_LENGTH` and rounded; shape ``(n, 44)``."""

    whole: npt.NDArray[np.int8]
    inner: npt.NDArray[np.int8]
    """Without the margins."""

    @classmethod
    def of(cls, detail: npt.NDArray[np.int8]) -> "_Features":
        whole = np.empty((len(detail), int(_COARSE.sum())), np.int8)
        inner = np.empty_like(whole)
        for start in range(0, len(detail), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            waves = coefficients(detail[rows])
            whole[rows] = _rounded(waves[:, _COARSE])
            cropped = _CROP @ (waves / np.maximum(FREQUENCY, 1)) @ _CROP.T * FREQUENCY
            inner[rows] = _rounded(cropped.astype(np.float32)[:, _COARSE])
        return cls(whole, inner)

    def part(self, rows: slice) -> "_Features":
        """Those of some photos."""
        return _Features(self.whole[rows], self.inner[rows])

    def cosines(self, others: "_Features", flip: Floats | np.float32) -> Floats:
        """Of each with each of the others, at the best of three ways to crop them."""
        whole, inner = self.whole * flip, self.inner * flip
        theirs = others.whole.astype(np.float32).T
        ways = [whole @ theirs, inner @ theirs, whole @ others.inner.T.astype(np.float32)]
        best: Floats = np.max(ways, axis=0) / np.float32(_LENGTH**2)
        return best

    def keys(self, projection: Floats) -> Keys:
        """Whole ones, then inner ones; shape ``(2 n,)``."""
        return np.concatenate([_signs(self.whole, projection), _signs(self.inner, projection)])


def _rounded(features: Floats) -> npt.NDArray[np.int8]:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    rounded: npt.NDArray[np.int8] = np.rint(
        features * (_LENGTH / np.maximum(length, np.float32(1e-9)))
    ).astype(np.int8)
    return rounded


def _signs(features: npt.NDArray[np.int8], projection: Floats) -> Keys:
    """64 bits of each photo."""
    keys = np.empty(len(features), np.uint64)
    for start in range(0, len(features), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        keys[rows] = np.packbits(features[rows].astype(np.float32) @ projection > 0, axis=1).view(
            ">u8"
        )[:, 0]
    return keys


class _Search:
    """One search; pairs are numbers here: ``(seeker * m + found) * 2 + mirrored``."""

    def __init__(self, seekers: _Features, among: _Features, groups: Rows) -> None:
        self.seekers, self.among, self.groups = seekers, among, groups

    def all_near(self) -> npt.NDArray[np.int64]:
        """All pairs that are near."""
        codes = []
        for flip in (False, True):
            cosines_of = self.seekers.cosines(self.among, _FLIP if flip else np.float32(1))
            seeker, found = np.nonzero(cosines_of >= _NEAR)
            codes.append((seeker * len(self.among.whole) + found) * 2 + flip)
        return np.concatenate(codes)

    @cached_property
    def sought(self) -> Keys:
        """The sketches of the photos that are looked for, as `_sought_keys` gives them."""
        return self._sought_keys(_PROJECTIONS[_TABLES])

    @cached_property
    def listed(self) -> Keys:
        """The sketches of the others."""
        return self.among.keys(_PROJECTIONS[_TABLES])

    def _sought_keys(self, projection: Floats) -> Keys:
        """Those of the photos and then those of their mirror images; shape ``(4 n,)``."""
        mirror = projection * _FLIP[:, None]
        return np.concatenate([self.seekers.keys(projection), self.seekers.keys(mirror)])

    def near(self, projection: Floats) -> Iterator[npt.NDArray[np.int64]]:
        """Pairs that are neighbours in one list and whose sketches differ little."""
        keys = self.among.keys(projection)
        order = np.argsort(keys, kind="stable")
        keys, listed = keys[order], self.listed[order]
        places = np.searchsorted(keys, self._sought_keys(projection))
        around = np.arange(-_NEIGHBOURS, _NEIGHBOURS)
        photos, others = len(self.seekers.whole), len(self.among.whole)
        for start in range(0, len(places), _AT_ONCE):
            window = places[start : start + _AT_ONCE, None] + around
            window = window.clip(0, len(keys) - 1)
            sought = self.sought[start : start + _AT_ONCE, None]
            entry, column = np.nonzero(np.bitwise_count(listed[window] ^ sought) <= _FAR)
            found = order[window[entry, column]] % others
            entry += start
            yield _once((entry % photos * others + found) * 2 + entry // (2 * photos))

    def best(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The nearest ones of each seeker, few of a group; sorted."""
        nearness = self._nearness(codes)
        codes, nearness = codes[nearness >= _NEAR], nearness[nearness >= _NEAR]
        pairs = self.decoded(codes)
        order = np.lexsort((codes, -nearness, self.groups[pairs.found], pairs.seeker))
        of_group = pairs.seeker[order] * (self.groups.max(initial=0) + 1)
        of_group += self.groups[pairs.found[order]]
        order = order[_rank(of_group) < _MOST_OF_A_GROUP]
        order = order[np.lexsort((codes[order], -nearness[order], pairs.seeker[order]))]
        order = order[_rank(pairs.seeker[order]) < _MOST]
        return np.sort(codes[order])

    def _nearness(self, codes: npt.NDArray[np.int64]) -> Floats:
        """The cosine of each pair, at the best of three ways to crop them."""
        nearness = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            pairs = self.decoded(codes[rows])
            flip = np.where(pairs.mirrored[:, None], _FLIP, np.float32(1))
            whole = self.seekers.whole[pairs.seeker] * flip
            inner = self.seekers.inner[pairs.seeker] * flip
            others = self.among.whole[pairs.found]
            ways = [(whole, others), (inner, others), (whole, self.among.inner[pairs.found])]
            cosines = [np.einsum("nk,nk->n", a, b, dtype=np.float32) for a, b in ways]
            nearness[rows] = np.max(cosines, axis=0) / _LENGTH**2
        return nearness

    def decoded(self, codes: npt.NDArray[np.int64]) -> Candidates:
        """The pairs as rows."""
        seeker, found = np.divmod(codes // 2, len(self.among.whole))
        return Candidates(seeker, found, codes % 2 == 1)


def _once(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sorted, without repeats; `np.unique` hashes such numbers, and takes ten times as long."""
    values = np.sort(values)
    return values[np.diff(values, prepend=-1) > 0]


def _rank(sorted_values: npt.NDArray[np.intp]) -> Rows:
    """How many equal values come before each one."""
    starts = np.flatnonzero(np.diff(sorted_values, prepend=-1))
    lengths = np.diff(starts, append=len(sorted_values))
    rank: Rows = np.arange(len(sorted_values)) - np.repeat(starts, lengths)
    return rank
