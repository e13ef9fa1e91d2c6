"""The data set: which photo is used, under which label, in which split.

A photo's split is a salted hash of its group, so it never changes as other photos come and
go, and what belongs together never lies on both sides of a split.
"""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import DatasetError
from dandelion_pipeline.images.quality import CLEAN_IMAGES, CLEAN_SCHEMA
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store, sha256_hex
from dandelion_pipeline.storage.tables import parquet_bytes, read_table

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
SHARES = {TRAIN: 0.7, VALIDATION: 0.1, TEST: 0.2}
SMALLEST_CLASS = 10

SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
    ]
)
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


def preview_dataset(store: Store, salt: str) -> DatasetInfo:
    """What the data set of all clean photos would be, without writing anything.

    Raises:
        DatasetError: the photos do not make a data set.
    """
    keys = [o.key for o in store.list_objects(f"{layout.TABLES}{CLEAN_IMAGES}/")]
    tables = [read_table(store, key) for key in keys]
    photos = pa.concat_tables(tables) if tables else CLEAN_SCHEMA.empty_table()
    return DatasetInfo.of(build_dataset(photos, salt))


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


def build_dataset(photos: pa.Table, salt: str) -> pa.Table:
    """Make the data set from all clean photos of all days.

    Args:
        photos: columns ``sha256``, ``label``, ``name``, ``day``, ``keep``, ``is_sample``.
        salt: `DANDELION_SPLIT_SALT`.

    Returns:
        A table of `SCHEMA`, ordered by content, with `DatasetInfo` in its metadata.

    Raises:
        DatasetError: the photos do not make a data set.
    """
    kept, left_out, is_sample = _usable(photos.to_pylist())
    rows = [
        {**row, "split": split_of(row["sha256"], salt)}
        for row in sorted(kept, key=lambda row: row["sha256"])
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    counts = _counts(rows)
    _check(counts)
    info = DatasetInfo(
        hash=sha256_hex(parquet_bytes(table.select(["sha256", "label", "split"]))),
        classes=sorted(counts),
        is_sample=is_sample,
        counts=counts,
        left_out=left_out,
    )
    return table.replace_schema_metadata({_METADATA: json.dumps(asdict(info))})


def rows_of(dataset: pa.Table, split: str) -> pa.Table:
    """The rows of one split."""
    return dataset.filter(pc.equal(dataset["split"], split))


def _usable(rows: list[dict[str, object]]) -> tuple[list[dict[str, str]], dict[str, int], bool]:
    """One row a photo: generated ones only while there are no others, none with two labels."""
    left_out: Counter[str] = Counter()
    is_sample = all(row["is_sample"] for row in rows)
    unique: dict[str, dict[str, str]] = {}
    labels: dict[str, set[object]] = {}
    for row in rows:
        if not row["keep"]:
            left_out["not clean"] += 1
        elif row["is_sample"] and not is_sample:
            left_out["generated sample"] += 1
        else:
            sha256 = str(row["sha256"])
            if row["label"] in labels.setdefault(sha256, set()):
                left_out["same photo again"] += 1
            labels[sha256].add(row["label"])
            unique.setdefault(sha256, {k: str(row[k]) for k in ("sha256", "label", "name", "day")})
    conflicts = {sha256 for sha256, given in labels.items() if len(given) > 1}
    if conflicts:
        left_out["two labels for one photo"] = len(conflicts)
    return [row for key, row in unique.items() if key not in conflicts], dict(left_out), is_sample


def _counts(rows: list[dict[str, str]]) -> dict[str, dict[str, int]]:
    counted = Counter((row["label"], row["split"]) for row in rows)
    return {
        label: {split: counted[label, split] for split in SPLITS}
        for label in sorted({row["label"] for row in rows})
    }


def _check(counts: dict[str, dict[str, int]]) -> None:
    if not counts:
        raise DatasetError(
            "the data set", "there is not one usable photo", "Import some: `make run IMAGES=folder`"
        )
    if len(counts) == 1:
        raise DatasetError(
            "the data set",
            f"there is only one class, {next(iter(counts))!r}, and a classifier needs two",
            "Add a folder with photos of another class",
        )
    for label, splits in counts.items():
        total = sum(splits.values())
        if total < SMALLEST_CLASS:
            raise DatasetError(
                f"class {label!r}",
                f"it has {total} usable photos and needs at least {SMALLEST_CLASS}",
                "Add photos of this class (some 100 of each make a useful model)",
            )
        for split in SPLITS:
            if splits[split] == 0:
                raise DatasetError(
                    f"class {label!r}",
                    f"none of its {total} photos fell into the {split} split",
                    "Add photos of this class, or change DANDELION_SPLIT_SALT",
                )
