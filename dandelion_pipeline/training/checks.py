"""What must hold of a data set before a model is trained on it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.errors import DatasetError
from dandelion_pipeline.images.checks import Finding
from dandelion_pipeline.training.dataset import SHARES, SMALLEST_CLASS, SPLITS, TWO_LABELS, Dataset

CLASSES = "classes"
SMALLEST = "smallest_class"
IMBALANCE = "class_imbalance"
EMPTY_SPLITS = "empty_splits"
CROSSING = "groups_across_splits"
CONFLICTS = "label_conflicts"
UNEVEN = "uneven_splits"
BLOCKING = (CLASSES, SMALLEST, IMBALANCE, EMPTY_SPLITS, CROSSING, CONFLICTS)
DATASET_CHECKS = (*BLOCKING, UNEVEN)

_REMEDIES = {
    CLASSES: "Add photos of another class: `make run IMAGES=folder`",
    SMALLEST: "Add photos of this class (some 100 of each make a useful model)",
    IMBALANCE: "Add photos of the smaller class",
    EMPTY_SPLITS: "Add photos of this class, or change DANDELION_SPLIT_SALT",
    CROSSING: "This is a bug: please report it with the data set's table",
    CONFLICTS: "`dandelion images conflicts` lists them with their IDs. Decide what they show: "
    "`dandelion images relabel ID LABEL --reason …`, "
    "or `dandelion images drop ID --reason …`",
}


class DatasetLimits(BaseModel):
    """What a data set has to be like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_class: int = Field(default=SMALLEST_CLASS, ge=len(SPLITS))
    """Photos that each class needs at least."""

    max_class_imbalance: float = Field(default=20.0, ge=1)
    """How many times as many photos the largest class may have as the smallest."""

    max_label_conflicts: float = Field(default=0.05, ge=0, le=1)
    """Share of the photos that may be left out because their group has two labels."""

    max_uneven_splits: float = Field(default=0.1, ge=0, le=1)
    """How far a class's share of photos in a split may be from `dataset.SHARES`."""


def check_dataset(dataset: Dataset, limits: DatasetLimits) -> list[Finding]:
    """A finding for each of `DATASET_CHECKS`, in that order."""
    counts = dataset.info.counts
    totals = {label: sum(splits.values()) for label, splits in counts.items()}
    smallest = min(totals, key=lambda label: totals[label], default="")
    largest = max(totals, key=lambda label: totals[label], default="")
    empty = [(label, s) for label in counts for s in SPLITS if not counts[label][s]]
    crossing = _crossing(dataset.used)
    conflicts = dataset.info.left_out.get(TWO_LABELS, 0)
    ratio = totals[largest] / totals[smallest] if totals else 1.0
    return [
        Finding(CLASSES, len(totals), 2, _says_classes(list(totals)), at_least=True),
        Finding(
            SMALLEST,
            totals.get(smallest, 0),
            limits.smallest_class,
            f"class {smallest!r}: it has {totals.get(smallest, 0)} usable photos "
            f"and needs at least {limits.smallest_class}",
            at_least=True,
        ),
        Finding(
            IMBALANCE,
            ratio,
            limits.max_class_imbalance,
            f"class {largest!r} has {ratio:.1f} times as many photos as {smallest!r}",
        ),
        Finding(EMPTY_SPLITS, len(empty), 0, _says_empty(empty, totals)),
        Finding(CROSSING, len(crossing), 0, _says_crossing(crossing)),
        Finding(
            CONFLICTS,
            conflicts / max(1, conflicts + dataset.used.num_rows),
            limits.max_label_conflicts,
            f"{conflicts} photos are near-duplicates of photos with another label",
        ),
        _uneven(counts, limits.max_uneven_splits),
    ]


def require(findings: Iterable[Finding]) -> None:
    """Refuse a data set that one of its blocking checks is against.

    Raises:
        DatasetError: names the first such check with its figure and its bound.
    """
    for finding in findings:
        if finding.check in BLOCKING and not finding.passed:
            raise DatasetError("the data set", str(finding), _REMEDIES[finding.check])


def _uneven(counts: Mapping[str, Mapping[str, int]], bound: float) -> Finding:
    shares = {
        (label, split): number / max(1, sum(splits.values()))
        for label, splits in counts.items()
        for split, number in splits.items()
    }
    worst = max(shares, key=lambda at: abs(shares[at] - SHARES[at[1]]), default=None)
    if worst is None:
        return Finding(UNEVEN, 0.0, bound, "there is not one usable photo")
    label, split = worst
    says = f"{shares[worst]:.0%} of {label!r} is in {split}, where {SHARES[split]:.0%} belongs"
    return Finding(UNEVEN, abs(shares[worst] - SHARES[split]), bound, says)


def _crossing(used: pa.Table) -> list[str]:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for group, split in zip(used["group"].to_pylist(), used["split"].to_pylist(), strict=True):
        splits[group].add(split)
    return sorted(group for group, found in splits.items() if len(found) > 1)


def _says_crossing(groups: Sequence[str]) -> str:
    return f"groups in two splits: {', '.join(groups[:5])}" if groups else "no group is in two"


def _says_classes(labels: Sequence[str]) -> str:
    if not labels:
        return "there is not one usable photo"
    if len(labels) == 1:
        return f"there is only one class, {labels[0]!r}, and a classifier needs two"
    return f"{len(labels)} classes: {', '.join(labels)}"


def _says_empty(empty: Sequence[tuple[str, str]], totals: dict[str, int]) -> str:
    if not empty:
        return "every class has photos in every split"
    label, split = empty[0]
    return f"class {label!r}: none of its {totals[label]} photos fell into the {split} split"
