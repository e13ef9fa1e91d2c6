"""Which split photos and groups were assigned to, kept in the store for good.

Each data set adds a numbered table of what was new in it, below ``splits/``. Of two writers at
once, one gets the number; the other reads what the first assigned and deals again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import (
    read_snapshot,
    read_table,
    write_table_if_absent,
)

PHOTO, GROUP, USER_GROUP = KINDS = ("photo", "group", "user group")

ASSIGNMENTS = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("kind", "name", "split")]
)
"""A photo (by its sha256), a group of near-duplicates or a group of the user's, and its split."""

DATASET = "dataset"


@dataclass(frozen=True)
class Assignments:
    """What is assigned to which split, by name."""

    photos: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    user_groups: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table) -> "Assignments":
        """From a table of `ASSIGNMENTS`: the first row of a photo counts, the last of a group."""
        found: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        kinds, names, splits = (table[name].to_pylist() for name in ASSIGNMENTS.names)
        for kind, name, split in zip(kinds, names, splits, strict=True):
            if kind == PHOTO:
                found[PHOTO].setdefault(name, split)
            else:
                found[kind][name] = split
        return cls(found[PHOTO], found[GROUP], found[USER_GROUP])

    def of_group(self, name: str) -> str | None:
        """The split of a group of near-duplicates, which has the name of its first photo."""
        return self.groups.get(name) or self.photos.get(name)


NOTHING_ASSIGNED = Assignments()


@dataclass(frozen=True)
class History:
    """All that was assigned in a store so far."""

    number: int
    """Of the last table of assignments; 0 if there is none yet."""

    table: pa.Table
    """Of `ASSIGNMENTS`. With `number` 0, what the last data set of an older version says."""

    @classmethod
    def read(cls, store: Store) -> "History":
        """Read it.

        Raises:
            ObjectDamaged: a table is missing, or not as it was written.
        """
        keys = [found.key for found in store.list_objects(layout.SPLITS)]
        for number, key in enumerate(keys, 1):
            if key != layout.splits(number):
                raise _missing(store, layout.splits(number))
        if not keys:
            return cls(0, _of_older_data_set(store))
        tables = ordered_parallel_map(lambda key: read_table(store, key).cast(ASSIGNMENTS), keys)
        return cls(len(keys), pa.concat_tables(tables))

    def append(self, store: Store, new: pa.Table) -> bool:
        """Write what a data set has assigned. False if another writer was first.

        Args:
            store: where this was read from.
            new: a table of `ASSIGNMENTS`.
        """
        table = new if self.number else pa.concat_tables([self.table, new])
        if not table.num_rows:
            return True
        return write_table_if_absent(store, layout.splits(self.number + 1), table)


def _of_older_data_set(store: Store) -> pa.Table:
    """What the newest data set says, of a store whose splits were hashes of the groups' names."""
    found = store.list_objects(f"{layout.TABLES}{DATASET}/")
    places = [(o.modified, place[1]) for o in found if (place := layout.split_snapshot_key(o.key))]
    if not places:
        return ASSIGNMENTS.empty_table()
    dataset = read_snapshot(store, DATASET, max(places)[1])
    groups = dataset["group"] if "group" in dataset.column_names else dataset["sha256"]
    by_kind = [
        pa.table([pa.array([kind] * dataset.num_rows), names, dataset["split"]], ASSIGNMENTS.names)
        for kind, names in ((PHOTO, dataset["sha256"]), (GROUP, groups))
    ]
    return pa.concat_tables(by_kind).cast(ASSIGNMENTS)


def _missing(store: Store, key: str) -> ObjectDamaged:
    return ObjectDamaged(
        f"the splits {store.address(key)}",
        "the table is missing, and without it photos could change their split",
        "Restore it from a backup or from the bucket's versions",
    )
