"""The data set: which photo is used, under which label, in which split.

What belongs together, near-duplicates and groups of the user's, is in one split. A photo that is
assigned to a split stays there for good; new groups are dealt so that each class has its share.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.labels.conflicts import label_conflicts
from dandelion_pipeline.dataset.reasons import (
    EMPTY_SPLIT,
    GENERATED,
    SMALL_CLASS,
    TWO_SPLITS,
    only_samples,
    own_reasons,
)
from dandelion_pipeline.dataset.splits.assignments import NOTHING_ASSIGNED, Assignments
from dandelion_pipeline.dataset.splits.dealing import Photos, bridged, deal, newly_assigned
from dandelion_pipeline.dataset.splits.strata import (
    FEWEST_GROUPS,
    NOWHERE,
    SHARES,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
)
from dandelion_pipeline.storage.objects.store import sha256_hex

__all__ = [
    "FEWEST_CLASSES",
    "LEFT_OUT",
    "SCHEMA",
    "SHARES",
    "SMALLEST_CLASS",
    "SPLITS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Dataset",
    "DatasetInfo",
    "build_dataset",
    "count",
    "rows_of",
    "suspects_of",
]

FEWEST_CLASSES = 2
SMALLEST_CLASS = 3
"""Photos that a class needs at least to be used beside two others."""

_PHOTO = [
    pa.field(name, pa.string(), nullable=False) for name in ("sha256", "label", "name", "day")
]
SCHEMA = pa.schema(
    [
        *_PHOTO,
        pa.field("split", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
    ]
)
LEFT_OUT = pa.schema([*_PHOTO, pa.field("reason", pa.string(), nullable=False)])
_METADATA = b"dandelion.dataset"


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set says of itself; it travels in the table's schema metadata."""

    hash: str
    """SHA-256 over photos, labels and splits: equal hashes, equal data sets."""

    classes: list[str]
    is_sample: bool
    counts: dict[str, dict[str, int]]
    """Photos by class, then by split."""

    left_out: dict[str, int]
    """Photos that were not used, by reason."""

    groups: dict[str, int] = field(default_factory=dict)
    """Groups by class."""

    classes_left_out: dict[str, str] = field(default_factory=dict)
    """Classes that are not used, with the reason."""

    label_conflicts: int = 0
    """Photos in label conflicts, used or not."""

    user_groups: int = 0
    """Groups of the user's own that hold photos in use."""

    @classmethod
    def of(cls, dataset: pa.Table) -> "DatasetInfo":
        """Read it back from a data set's table."""
        return cls(**json.loads(dataset.schema.metadata[_METADATA]))


@dataclass(frozen=True)
class Dataset:
    """Which photos are used, and which are not."""

    used: pa.Table
    """One row a photo, of `SCHEMA`, ordered by content; `DatasetInfo` is in its metadata."""

    left_out: pa.Table
    """One row a photo that is not used, of `LEFT_OUT`."""

    info: DatasetInfo
    conflicts: pa.Table
    """Photos in label conflicts, of `conflicts.LABEL_CONFLICTS`."""

    assigned: pa.Table
    """What this data set assigns to splits, of `assignments.ASSIGNMENTS`."""


def build_dataset(
    photos: pa.Table,
    salt: str,
    assigned: Assignments = NOTHING_ASSIGNED,
    smallest_class: int = SMALLEST_CLASS,
) -> Dataset:
    """Make the data set from all clean photos of all days; their order changes nothing.

    Left out are: generated photos as soon as there are others, photos that are dropped, photos
    whose pixels are there under two labels, a photo again under the same label, and a photo that
    resembles photos in two splits, because wherever it went it would leak. Where two classes
    remain, so are classes too small to have every split.

    Args:
        photos: columns ``sha256``, ``label``, ``name``, ``day``, ``keep``, ``drop_reason``,
            ``is_sample``, ``group`` and ``bridges`` (other groups that it resembles); if there
            are any, ``pixels`` (a fingerprint of the pixels), ``user_group`` (a name) and
            ``user_split`` (of `SPLITS`, as the source says), and ``copies`` (a name for photos that
            are rotated or cropped copies of each other), all empty or null if not given.
        salt: `DANDELION_SPLIT_SALT`, the order in which groups are dealt.
        assigned: what has a split already, and keeps it.
        smallest_class: photos that a class needs at least, where two classes have as many.
    """
    photos = photos.sort_by([(name, "ascending") for name in ("sha256", "day", "label", "name")])
    draft = _Draft(photos, assigned, salt)
    classes_left_out = draft.leave_out_small_classes(smallest_class)
    splits = draft.deal()
    classes_left_out |= draft.leave_out_classes_with_empty_splits(splits)
    return draft.finished(splits, classes_left_out)


def rows_of(dataset: pa.Table, split: str) -> pa.Table:
    """The rows of one split."""
    return dataset.filter(pc.equal(dataset["split"], split))


def suspects_of(dataset: pa.Table) -> pa.Table:
    """The photos of a data set for which another label is suggested, the likeliest first."""
    return dataset.filter(pc.is_valid(dataset["suggested_label"])).sort_by("label_quality")


class _Draft:
    """A data set that is being made; photos are left out of it step by step."""

    def __init__(self, table: pa.Table, assigned: Assignments, salt: str) -> None:
        self.table, self.assigned, self.salt = table, assigned, salt
        self.photos = Photos.of(table)
        self.reasons = own_reasons(table)

    @property
    def used(self) -> list[int]:
        """The rows that are not left out."""
        return [row for row, reason in enumerate(self.reasons) if not reason]

    def leave_out_small_classes(self, smallest: int) -> dict[str, str]:
        """Classes with too few groups or photos, by why; none if fewer than two would remain."""
        used = self.used
        number = Counter(self.photos.label[row] for row in used)
        groups = self.photos.groups_by_class(used)
        why = {
            label: f"{count(photos, 'photo')} in {count(groups[label], 'group')}"
            for label, photos in sorted(number.items())
        }
        impossible = {label: why[label] for label in why if groups[label] < FEWEST_GROUPS}
        left_out = self._leave_out(impossible, set(number), SMALL_CLASS)
        small = {label: why[label] for label in why if number[label] < smallest}
        return left_out | self._leave_out(small, set(number) - set(left_out), SMALL_CLASS)

    def deal(self) -> dict[str, int]:
        """The split of each group; photos that would leak are left out."""
        photos = self.photos
        splits = deal(photos, self.used, self.assigned, self.salt)
        for row in self.used:
            split = splits[photos.joined[row]]
            before = self.assigned.photos.get(photos.sha256[row])
            if split == NOWHERE or before not in {None, SPLITS[split]}:
                self.reasons[row] = TWO_SPLITS
        joined = dict(zip(photos.group, photos.joined, strict=True))
        there = {photos.joined[row]: splits[photos.joined[row]] for row in self.used}
        for row in self.used:
            if photos.bridges[row]:
                others = {there[name] for name in bridged(photos, row, joined, there)}
                if others - {there[photos.joined[row]]}:
                    self.reasons[row] = TWO_SPLITS
        return splits

    def leave_out_classes_with_empty_splits(self, splits: Mapping[str, int]) -> dict[str, str]:
        """Classes that have no photos in a split, by why; none if fewer than two would remain."""
        photos = self.photos
        filled = {(photos.label[row], splits[photos.joined[row]]) for row in self.used}
        labels = {label for label, _ in filled}
        empty = {
            label: f"no photos in the {split} split"
            for label in sorted(labels)
            for number, split in enumerate(SPLITS)
            if (label, number) not in filled
        }
        return self._leave_out(empty, labels, EMPTY_SPLIT)

    def finished(self, splits: dict[str, int], classes_left_out: dict[str, str]) -> Dataset:
        """The data set of what is used now."""
        used, photos = self.used, self.photos
        there = self.table.take(pa.array(used, pa.int64())).select(SCHEMA.names[:4])
        columns = [
            *there.columns,
            pa.array([SPLITS[splits[photos.joined[row]]] for row in used], pa.string()),
            pa.array([photos.joined[row] for row in used], pa.string()),
        ]
        table = pa.table(columns, schema=SCHEMA)
        not_used = pa.array([bool(reason) for reason in self.reasons], pa.bool_())
        left_out = self.table.select(LEFT_OUT.names[:4])
        left_out = pa.table(
            [*left_out.columns, pa.array(self.reasons, pa.string())], schema=LEFT_OUT
        )
        conflicts = label_conflicts(self._not_generated())
        info = DatasetInfo(
            hash=_content_hash(table),
            classes=sorted(set(table["label"].to_pylist())),
            is_sample=only_samples(self.table),
            counts=_counts(table),
            left_out=dict(sorted(Counter(filter(None, self.reasons)).items())),
            groups=dict(sorted(photos.groups_by_class(used).items())),
            classes_left_out=classes_left_out,
            label_conflicts=conflicts.num_rows,
            user_groups=len({photos.user_group[row] for row in used} - {""}),
        )
        return Dataset(
            used=table.replace_schema_metadata({_METADATA: json.dumps(asdict(info))}),
            left_out=left_out.filter(not_used),
            info=info,
            conflicts=conflicts,
            assigned=newly_assigned(photos, used, splits, self.assigned),
        )

    def _leave_out(self, why: dict[str, str], labels: set[str], named: str) -> dict[str, str]:
        """Leave classes out if two others remain; returns those that were."""
        why = {label: reason for label, reason in why.items() if label in labels}
        if not why or len(labels) - len(why) < FEWEST_CLASSES:
            return {}
        for row in self.used:
            if self.photos.label[row] in why:
                self.reasons[row] = named
        return why

    def _not_generated(self) -> pa.Table:
        generated = pa.array([reason == GENERATED for reason in self.reasons], pa.bool_())
        return self.table.filter(pc.invert(generated))


def _content_hash(used: pa.Table) -> str:
    """Of what is in the rows, whatever wrote the file: an update of a library changes nothing."""
    rows = zip(*(used[name].to_pylist() for name in ("sha256", "label", "split")), strict=True)
    return sha256_hex("\n".join(map(json.dumps, rows)).encode())


def count(number: int, what: str) -> str:
    """A number of things in words: ``1 photo``, ``2 photos``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _counts(used: pa.Table) -> dict[str, dict[str, int]]:
    counted = Counter(zip(used["label"].to_pylist(), used["split"].to_pylist(), strict=True))
    return {
        label: {split: counted[label, split] for split in SPLITS}
        for label in sorted({label for label, _ in counted})
    }
