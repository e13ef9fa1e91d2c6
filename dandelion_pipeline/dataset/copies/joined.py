"""Which photos are joined by the copies that were found."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.copies.kept import all_pairs
from dandelion_pipeline.storage.objects.store import Store

LARGEST = 64
_LARGEST_SHARE = 4

COPIES_GROUP = "copies"
"""The column with a name for photos that are copies of each other, empty for all others."""


def with_copies(store: Store, photos: pa.Table) -> pa.Table:
    """Add to photos which of them are rotated or cropped copies of each other.

    More than 64 photos, or more than a quarter of at least 16, are what the set is like, and are
    not joined.

    Args:
        store: where the pairs are kept.
        photos: a column ``sha256``, among others.

    Returns:
        The table with the column `COPIES_GROUP`.

    Raises:
        ObjectDamaged: what was found cannot be read.
    """
    hashes = pc.unique(photos["sha256"])
    pairs = pairs_among(store, hashes)
    both = zip(pairs["photo"].to_pylist(), pairs["other"].to_pylist(), strict=True)
    group = connected(both, len(hashes))
    names = pa.array(
        [group.get(sha256, "") for sha256 in photos["sha256"].to_pylist()], pa.string()
    )
    return photos.append_column(pa.field(COPIES_GROUP, pa.string(), nullable=False), names)


def copies_said(photos: pa.Table) -> str:
    """Why photos were joined as copies, in words; empty if none were.

    Args:
        photos: what `with_copies` gave.
    """
    names = [name for name in photos[COPIES_GROUP].to_pylist() if name]
    if not names:
        return ""
    return (
        f"{len(names):,} photos in {len(set(names)):,} groups were joined because they are rotated "
        "or cropped copies: with one laid on the other, they differ nowhere by more than what "
        "saving a photo again explains."
    )


def pairs_among(store: Store, hashes: pa.Array) -> pa.Table:
    """The pairs of which both photos are there, each once and in the order of their hashes.

    Raises:
        ObjectDamaged: what was found cannot be read.
    """
    pairs = all_pairs(store)
    there = pc.and_(pc.is_in(pairs["photo"], hashes), pc.is_in(pairs["other"], hashes))
    order = [("photo", "ascending"), ("other", "ascending")]
    pairs = pairs.filter(there).sort_by(order)
    named = [
        tuple(sorted(two))
        for two in zip(*(pairs[n].to_pylist() for n in ("photo", "other")), strict=True)
    ]
    first = {two: row for row, two in reversed(list(enumerate(named)))}
    return pairs.take(pa.array(sorted(first.values()), pa.int64()))


def connected(pairs: Iterable[tuple[str, str]], photos: int) -> dict[str, str]:
    """Which photos pairs connect, without what is too large to be one picture.

    Args:
        pairs: photos that are copies of each other.
        photos: how many there are in all.

    Returns:
        By photo, the first of those that it is connected with.
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (higher := above.setdefault(name, name)) != name:
            above[name] = above[higher]
            name = higher
        return name

    for photo, other in pairs:
        one, two = sorted((top(photo), top(other)))
        above[two] = one
    found = {name: top(name) for name in above}
    sizes = Counter(found.values())
    is_small_set = photos < 4 * _LARGEST_SHARE
    most = photos if is_small_set else min(LARGEST, photos // _LARGEST_SHARE)
    return {name: first for name, first in found.items() if sizes[first] <= most}
