"""The data set: which photo is used, under which label, in which split.

A photo's split is a salted hash of its group, so it never changes as other photos come and
go, and what belongs together never lies on both sides of a split.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.storage.store import sha256_hex
from dandelion_pipeline.storage.tables import parquet_bytes

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
SHARES = {TRAIN: 0.7, VALIDATION: 0.1, TEST: 0.2}
SMALLEST_CLASS = 10

TWO_LABELS = "near-duplicates with two labels"
AGAIN = "the same photo again"
TWO_SPLITS = "a near-duplicate of photos in two splits"
GENERATED = "generated, and there are photos that are not"

Row = Mapping[str, Any]

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

    @classmethod
    def of(cls, dataset: pa.Table) -> "DatasetInfo":
        """Read it back from a data set's table."""
        return cls(**json.loads(dataset.schema.metadata[_METADATA]))


def split_of(group: str, salt: str) -> str:
    """The split of a group of photos that belong together.

    The hash gives a number from 0 to 1, as in feature-flag roll-outs; `SHARES` cuts that
    range into splits.
    """
    digest = hashlib.sha256(f"{salt}:{group}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < SHARES[TRAIN]:
        return TRAIN
    return VALIDATION if share < SHARES[TRAIN] + SHARES[VALIDATION] else TEST


@dataclass(frozen=True)
class Dataset:
    """Which photos are used, and which are not."""

    used: pa.Table
    """One row a photo, of `SCHEMA`, ordered by content; `DatasetInfo` is in its metadata."""

    left_out: pa.Table
    """One row a photo that is not used, of `LEFT_OUT`."""

    info: DatasetInfo


def build_dataset(photos: pa.Table, salt: str) -> Dataset:
    """Make the data set from all clean photos of all days.

    Photos that are near-duplicates of each other share a group, and so a split. Left out are:
    generated photos as soon as there are others, photos that are dropped, all photos of a group
    with two labels, a photo again under the same label, and a photo that resembles photos in two
    splits, because wherever it went it would leak.

    Args:
        photos: columns ``sha256``, ``label``, ``name``, ``day``, ``keep``, ``drop_reason``,
            ``is_sample``, ``group`` and ``bridges`` (other groups that it resembles).
        salt: `DANDELION_SPLIT_SALT`.
    """
    columns = [*LEFT_OUT.names[:-1], "keep", "drop_reason", "is_sample", "group", "bridges"]
    rows = photos.select(columns).to_pylist()
    reasons = _reasons(rows, salt)
    used = [
        {**row, "split": split_of(row["group"], salt)}
        for row, reason in zip(rows, reasons, strict=True)
        if not reason
    ]
    left_out = [
        {**row, "reason": reason} for row, reason in zip(rows, reasons, strict=True) if reason
    ]
    used.sort(key=lambda row: row["sha256"])
    table = pa.Table.from_pylist(used, schema=SCHEMA)
    info = DatasetInfo(
        hash=sha256_hex(parquet_bytes(table.select(["sha256", "label", "split"]))),
        classes=sorted({row["label"] for row in used}),
        is_sample=all(row["is_sample"] for row in rows),
        counts=_counts(used),
        left_out=dict(sorted(Counter(row["reason"] for row in left_out).items())),
    )
    return Dataset(
        used=table.replace_schema_metadata({_METADATA: json.dumps(asdict(info))}),
        left_out=pa.Table.from_pylist(left_out, schema=LEFT_OUT),
        info=info,
    )


def rows_of(dataset: pa.Table, split: str) -> pa.Table:
    """The rows of one split."""
    return dataset.filter(pc.equal(dataset["split"], split))


def suspects_of(dataset: pa.Table) -> pa.Table:
    """The photos of a data set for which another label is suggested, the likeliest first."""
    return dataset.filter(pc.is_valid(dataset["suggested_label"])).sort_by("label_quality")


def _reasons(rows: Sequence[Row], salt: str) -> list[str]:
    """Why each photo is left out; empty for those that are used."""
    is_sample = all(row["is_sample"] for row in rows)
    reasons = [_own_reason(row, is_sample=is_sample) for row in rows]
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for row, reason in zip(rows, reasons, strict=True):
        if not reason:
            labels[row["group"]].add(row["label"])
    seen: set[str] = set()
    for i, row in enumerate(rows):
        if reasons[i]:
            continue
        if len(labels[row["group"]]) > 1:
            reasons[i] = TWO_LABELS
        elif row["sha256"] in seen:
            reasons[i] = AGAIN
        elif len({split_of(group, salt) for group in (row["group"], *row["bridges"])}) > 1:
            reasons[i] = TWO_SPLITS
        seen.add(row["sha256"])
    return reasons


def _own_reason(row: Row, *, is_sample: bool) -> str:
    """Why a photo is left out, whatever the others are."""
    if row["is_sample"] and not is_sample:
        return GENERATED
    return "" if row["keep"] else str(row["drop_reason"])


def _counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    counted = Counter((row["label"], row["split"]) for row in rows)
    return {
        label: {split: counted[label, split] for split in SPLITS}
        for label in sorted({row["label"] for row in rows})
    }
