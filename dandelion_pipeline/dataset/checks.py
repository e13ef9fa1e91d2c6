"""What must hold of a data set before a model is trained on it, and what only warns."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import (
    FEWEST_CLASSES,
    SHARES,
    SMALLEST_CLASS,
    SPLITS,
    Dataset,
    count,
)
from dandelion_pipeline.dataset.reasons import TWO_LABELS
from dandelion_pipeline.dataset.splits.strata import FEWEST_GROUPS
from dandelion_pipeline.errors import DatasetError

CLASSES = "classes"
SMALLEST = "smallest_class"
IMBALANCE = "class_imbalance"
EMPTY_SPLITS = "empty_splits"
CROSSING = "groups_across_splits"
CONFLICTS = "label_conflicts"
LEFT_OUT = "classes_left_out"
UNEVEN = "uneven_splits"
BLOCKING = (CLASSES, EMPTY_SPLITS, CROSSING, CONFLICTS)
WARNING = (SMALLEST, IMBALANCE, LEFT_OUT, UNEVEN)
DATASET_CHECKS = (
    CLASSES,
    SMALLEST,
    IMBALANCE,
    EMPTY_SPLITS,
    CROSSING,
    CONFLICTS,
    LEFT_OUT,
    UNEVEN,
)

DATASET_DESCRIPTIONS = {
    CLASSES: f"At least {FEWEST_CLASSES} classes have photos in enough groups to be split",
    SMALLEST: "The smallest class has enough photos",
    IMBALANCE: "The largest class has not many times the photos of the smallest",
    EMPTY_SPLITS: "Every class has photos in every split",
    CROSSING: "No group of near-duplicates, and none of the user's, is in two splits",
    CONFLICTS: "Few photos of equal pixels have two labels",
    LEFT_OUT: "No class is left out for having too few photos",
    UNEVEN: "Each class has its share of photos in each split",
}
"""What holds when each check passes."""

_REMEDIES = {
    CLASSES: "Add photos of another class: `make run IMAGES=folder`",
    EMPTY_SPLITS: "Add photos of this class: the next ones go into the split that has none",
    CROSSING: "This is a bug: please report it with the data set's table",
    CONFLICTS: "List them with `dandelion images conflicts` and decide what they show: "
    "`dandelion images relabel ID LABEL --reason …`, or `dandelion images drop ID --reason …`",
}
_REASONS_SAID = 3
_READ_AFTER_ARE = (
    *("smaller", "much smaller", "one even colour", "too dark", "too bright", "blurred"),
    *("a strip", "dropped", "generated"),
)


class DatasetLimits(BaseModel):
    """What a data set has to be like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fewest_photos: int = Field(default=SMALLEST_CLASS, ge=FEWEST_GROUPS)
    """A class with fewer photos is left out where two others remain."""

    smallest_class: int = Field(default=10, ge=1)
    """Photos that each class should have; fewer are a warning."""

    max_class_imbalance: float = Field(default=20.0, ge=1)
    """How many times as many photos the largest class should have as the smallest."""

    max_label_conflicts: float = Field(default=0.05, ge=0, le=1)
    """Share of the photos that may be left out because their very pixels have two labels."""

    few_label_conflicts: int = Field(default=10, ge=0)
    """So many such photos never stop a data set, whatever their share."""

    max_uneven_splits: float = Field(default=0.1, ge=0, le=1)
    """How far a class's share of photos in a split should be from `dataset.SHARES`, beyond what
    one photo makes."""


def check_dataset(dataset: Dataset, limits: DatasetLimits) -> list[Finding]:
    """A finding for each of `DATASET_CHECKS`, in that order."""
    info, counts = dataset.info, dataset.info.counts
    totals = {label: sum(splits.values()) for label, splits in counts.items()}
    usable = [label for label in counts if info.groups[label] >= FEWEST_GROUPS]
    empty = [(label, s) for label in counts for s in SPLITS if not counts[label][s]]
    crossing = _crossing(dataset.used)
    left_out = info.classes_left_out
    return [
        Finding(CLASSES, len(usable), FEWEST_CLASSES, _says_classes(dataset), at_least=True),
        _smallest(totals, limits.smallest_class),
        _imbalance(totals, limits.max_class_imbalance),
        Finding(EMPTY_SPLITS, len(empty), 0, _says_empty(empty, totals)),
        Finding(CROSSING, len(crossing), 0, _says_crossing(crossing)),
        _conflicts(dataset, limits),
        Finding(LEFT_OUT, len(left_out), 0, _says_left_out(left_out)),
        _uneven(dataset, limits.max_uneven_splits),
    ]


def require(findings: Iterable[Finding]) -> None:
    """Refuse a data set that one of its blocking checks is against.

    Raises:
        DatasetError: names the first such check with its figure and its bound.
    """
    for finding in findings:
        if finding.check in BLOCKING and not finding.passed:
            raise DatasetError("the data set", str(finding), _REMEDIES[finding.check])


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that did not pass and stop nothing."""
    return [f for f in findings if f.check in WARNING and not f.passed]


def _smallest(totals: Mapping[str, int], bound: int) -> Finding:
    label = min(totals, key=lambda label: totals[label], default=None)
    if label is None:
        return Finding(SMALLEST, 0, bound, "there are no classes", at_least=True)
    says = f"class {label!r} has {count(totals[label], 'usable photo')}"
    if totals[label] < bound:
        says += "; some 100 make a useful model"
    return Finding(SMALLEST, totals[label], bound, says, at_least=True)


def _imbalance(totals: Mapping[str, int], bound: float) -> Finding:
    if not totals:
        return Finding(IMBALANCE, 1.0, bound, "there are no classes")
    smallest, largest = (pick(totals, key=lambda label: totals[label]) for pick in (min, max))
    ratio = totals[largest] / totals[smallest]
    says = f"class {largest!r} has {ratio:.1f} times as many photos as {smallest!r}"
    return Finding(IMBALANCE, ratio, bound, says)


def _conflicts(dataset: Dataset, limits: DatasetLimits) -> Finding:
    left_out, listed = dataset.info.left_out.get(TWO_LABELS, 0), dataset.info.label_conflicts
    says = f"{count(left_out, 'photo')} with identical pixels under two labels left out"
    if listed > left_out:
        says += f"; {count(listed - left_out, 'near-duplicate')} with two labels used"
    share = left_out / max(1, left_out + dataset.used.num_rows)
    if left_out <= limits.few_label_conflicts:
        share = 0.0
        says += f" (up to {limits.few_label_conflicts} do not count)"
    return Finding(CONFLICTS, share, limits.max_label_conflicts, says)


def _uneven(dataset: Dataset, bound: float) -> Finding:
    """The share that is farthest from what it should be, less what one photo more or less makes."""
    worst, says = 0.0, "every split has its share of every class"
    for label, splits in dataset.info.counts.items():
        whole = sum(splits.values())
        for split, number in splits.items():
            off = max(0.0, abs(number / whole - SHARES[split]) - 1 / whole)
            if off > worst:
                worst = off
                says = (
                    f"{number / whole:.0%} of {label!r} is in {split}, "
                    f"where {SHARES[split]:.0%} belongs"
                )
    return Finding(UNEVEN, worst, bound, says)


def _crossing(used: pa.Table) -> list[str]:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for group, split in zip(used["group"].to_pylist(), used["split"].to_pylist(), strict=True):
        splits[group].add(split)
    return sorted(group for group, found in splits.items() if len(found) > 1)


def _says_crossing(groups: Sequence[str]) -> str:
    return f"groups in two splits: {', '.join(groups[:5])}" if groups else "no group is in two"


def _says_left_out(classes: Mapping[str, str]) -> str:
    if not classes:
        return "every class is used"
    named = [f"{label!r} ({why})" for label, why in list(classes.items())[:10]]
    more = f" and {len(classes) - len(named)} more" if len(classes) > len(named) else ""
    return f"left out: {', '.join(named)}{more}"


def _says_classes(dataset: Dataset) -> str:
    """How many classes there are or, if too few, what keeps it from more."""
    groups = dataset.info.groups
    usable = [label for label in groups if groups[label] >= FEWEST_GROUPS]
    if len(usable) >= FEWEST_CLASSES:
        return f"{len(usable)} classes: {', '.join(usable)}"
    says = []
    small = {label: number for label, number in groups.items() if label not in usable}
    for label, number in small.items():
        photos = sum(dataset.info.counts[label].values())
        says.append(
            f"class {label!r} has {count(photos, 'usable photo')} in {count(number, 'group')} of "
            f"near-duplicates, and needs {FEWEST_GROUPS}, one for each split"
        )
    says += _says_what_was_left_out(dataset)
    if len(groups) == 1:
        says.append(f"there is only one class, {next(iter(groups))!r}, and a classifier needs two")
    if not groups:
        says.append("no photo is left to use" if says else "there are no photos")
    return "; ".join(says)


def _says_what_was_left_out(dataset: Dataset) -> list[str]:
    left_out = Counter(dataset.left_out["reason"].to_pylist())
    everything = dataset.used.num_rows + dataset.left_out.num_rows
    return [
        f"{number:,} of {count(everything, 'photo')} "
        f"{'are' if reason.startswith(_READ_AFTER_ARE) else 'are left out:'} {reason}"
        for reason, number in left_out.most_common(_REASONS_SAID)
    ]


def _says_empty(empty: Sequence[tuple[str, str]], totals: Mapping[str, int]) -> str:
    if not empty:
        return "every class has photos in every split"
    label, split = empty[0]
    return f"class {label!r}: none of its {count(totals[label], 'photo')} are in the {split} split"
