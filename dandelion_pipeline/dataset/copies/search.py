"""Looks for rotated and cropped copies of the photos that are new, among those of all days."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, near_duplicates_of
from dandelion_pipeline.dataset.copies.kept import COPIES, copies_of_day
from dandelion_pipeline.dataset.copies.proposals import Rows, proposals
from dandelion_pipeline.dataset.copies.scratch import Scratch
from dandelion_pipeline.dataset.reasons import only_samples
from dandelion_pipeline.embeddings.embedding import Embedder, embeddings
from dandelion_pipeline.images.copies.local_features import (
    LocalFeatures,
    local_features,
    one_thread,
)
from dandelion_pipeline.images.copies.verdict import VERSION, Copy, copy_of
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import last_table, write_table

_AT_ONCE = 2_000
"""New photos after which what was found is written: so much is lost with a process."""

_Pair = tuple[int, int]


def find_copies(
    store: Store,
    embedder: Embedder,
    photos: pa.Table,
    on_progress: Callable[[str], None] = lambda message: None,
) -> int:
    """Compare the photos that were not compared yet with all others, and keep what is found.

    Photos of days on which `near_duplicates` of `clean_images` was not ``auto`` are left alone.

    Args:
        store: where the photos and their embeddings lie.
        embedder: what makes embeddings that are not there.
        photos: columns ``sha256``, ``day``, ``group``, ``keep`` and ``is_sample``.
        on_progress: is told how far it is.

    Returns:
        How many photos were compared now.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    table = _comparable(store, photos)
    version = f"{embedder.version}-{VERSION}"
    days = table["day"].to_pylist()
    kept = {day: copies_of_day(store, version, day) for day in sorted(set(days))}
    searched = {day: set(found["photo"].to_pylist()) for day, found in kept.items()}
    names = table["sha256"].to_pylist()
    new = [row for row, name in enumerate(names) if name not in searched[days[row]]]
    if not new:
        return 0
    features = _features(store, embedder, table)
    with Scratch() as scratch, one_thread():
        for start in range(0, len(new), _AT_ONCE):
            part = new[start : start + _AT_ONCE]
            found = _found(store, table, features, part, scratch)
            for day in sorted({days[row] for row in part}):
                of_day = [row for row in part if days[row] == day]
                kept[day] = pa.concat_tables([kept[day], _rows(names, of_day, found)])
                write_table(store, layout.copies(version, day), kept[day])
            on_progress(f"{start + len(part)} of {len(new)} photos compared with similar ones")
    return len(new)


def _comparable(store: Store, photos: pa.Table) -> pa.Table:
    """The photos that may be joined, each once, by day and hash."""
    kept = photos.filter(photos["keep"])
    if not only_samples(photos):
        kept = kept.filter(pc.invert(kept["is_sample"]))
    columns = kept.select(["sha256", "day", "group"]).sort_by(
        [("day", "ascending"), ("sha256", "ascending")]
    )
    joins = [day for day in pc.unique(columns["day"]).to_pylist() if _joins(store, day)]
    columns = columns.filter(pc.is_in(columns["day"], pa.array(joins, pa.string())))
    _, first = np.unique(columns["sha256"].to_numpy(zero_copy_only=False), return_index=True)
    return columns.take(pa.array(np.sort(first)))


def _joins(store: Store, day: str) -> bool:
    """Whether near-duplicates of a day are joined at all."""
    table = last_table(store, layout.table(CLEAN_IMAGES, day))
    decided = near_duplicates_of(table) if table is not None else {}
    return bool(decided.get("decision", "auto") == "auto")


def _features(store: Store, embedder: Embedder, table: pa.Table) -> npt.NDArray[np.float16]:
    """Those of a table's photos, which is sorted by day: half the memory of `embeddings`."""
    days = pc.unique(table["day"]).to_pylist()
    parts = (embeddings(store, embedder, table.filter(pc.field("day") == day)) for day in days)
    return np.concatenate([part.astype(np.float16) for part in parts])


def _found(
    store: Store,
    table: pa.Table,
    features: npt.NDArray[np.float16],
    rows: Sequence[int],
    scratch: Scratch,
) -> dict[_Pair, Copy]:
    """The copies of some photos."""
    first, second = proposals(features, np.asarray(rows, np.intp))
    groups = np.asarray(pc.dictionary_encode(table["group"]).combine_chunks().indices)
    apart = groups[first] != groups[second]
    first, second = first[apart], second[apart]
    if not len(first):
        return {}
    needed = [row for row in np.unique([first, second]).tolist() if row not in scratch]
    scratch.write(_local_features(store, table, needed))
    read = scratch.reader()

    def compare(pairs: Sequence[_Pair]) -> list[tuple[_Pair, Copy]]:
        own = read[pairs[0][0]]
        copies = ((pair, copy_of(own, read[pair[1]])) for pair in pairs)
        return [(pair, copy) for pair, copy in copies if copy is not None]

    compared = ordered_parallel_map(compare, _by_first(first, second), concurrency=_threads())
    with closing(compared):
        return dict(pair for pairs in compared for pair in pairs)


def _by_first(first: Rows, second: Rows) -> Iterator[list[_Pair]]:
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return (list(group) for _, group in groupby(pairs, key=lambda pair: pair[0]))


def _local_features(
    store: Store, table: pa.Table, rows: Sequence[int]
) -> Iterator[tuple[int, LocalFeatures]]:
    """Read and decode photos, a bounded number at a time."""
    contents = read_photos(store, table["sha256"].take(pa.array(rows, pa.int64())).to_pylist())
    found = ordered_parallel_map(
        lambda data: local_features(decode(data).image), contents, len, concurrency=_threads()
    )
    with closing(contents), closing(found):  # or they would hold their threads
        yield from zip(rows, found, strict=True)


def _threads() -> int:
    return os.cpu_count() or 1


def _rows(names: Sequence[str], rows: Sequence[int], found: dict[_Pair, Copy]) -> pa.Table:
    """What is kept of some photos, a table of `COPIES`."""
    of_photo: dict[int, list[tuple[int, Copy]]] = {row: [] for row in rows}
    for (one, other), copy in found.items():
        if one in of_photo:
            of_photo[one].append((other, copy))
        elif other in of_photo:
            of_photo[other].append((one, copy.the_other_way()))
    kept = []
    for row, copies in of_photo.items():
        for other, copy in copies:
            shares = dict(zip(("share", "share_of_other"), copy.shares, strict=True))
            figures = {"turned": copy.turned, "scale": copy.scale, "difference": copy.difference}
            kept.append({"photo": names[row], "other": names[other], **figures, **shares})
        if not copies:
            kept.append({"photo": names[row]})
    return pa.Table.from_pylist(kept, schema=COPIES)
