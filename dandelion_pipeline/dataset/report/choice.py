"""Which photos of a data set a report shows: few enough for a page, and always the same ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.dataset import SPLITS
from dandelion_pipeline.dataset.report.data import DataReport

CLASSES = 40
CLASSES_WITH_PHOTOS = 24
REASONS = 20
REJECTED_FILES = 60
_SHEETS = 192  # photos on all contact sheets together, where there are many classes
_OF_A_SHEET = 16
_GROUPS = 24
_OF_A_GROUP = 6
_SUSPECTS = 48
_CONFLICTS = 24  # groups
_LEFT_OUT = 64  # photos of all reasons together, where there are many
_OF_A_REASON = 8

Row = Mapping[str, Any]
_IN_TIME = ("day", "name", "sha256", "label")


@dataclass(frozen=True)
class Some:
    """Rows that are shown, and how many there are."""

    rows: Sequence[Row]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Group(Some):
    """Photos that are near-duplicates of each other."""

    name: str
    splits: int
    labels: int


@dataclass(frozen=True)
class Choice:
    """What a report shows of a data set."""

    counts: Mapping[str, Mapping[str, int]]
    """Photos by class, the largest first, then by split."""

    sheets: Mapping[str, Mapping[str, Some]]
    """Photos by class, of the first `CLASSES_WITH_PHOTOS` classes, then by split."""

    groups: Sequence[Group]
    """Groups of over one photo: those in two splits, then those with two labels, then by size."""

    all_groups: int
    """Groups of over one photo, those that are not shown too."""

    suspects: Some
    """Photos whose label may be wrong, the least likely label first."""

    conflicts: Sequence[Some]
    """Photos by group that has two labels, the first groups."""

    all_conflicts: int
    """Groups that have two labels, those that are not shown too."""

    left_out: Mapping[str, Some]
    """Photos that are not used, by reason, the most frequent first; some of the first reasons."""

    rejected: Some
    rejected_reasons: Mapping[str, int]

    @classmethod
    def of(cls, report: DataReport) -> "Choice":
        """Choose from a report's tables; the order of their rows changes nothing."""
        counts = _counts(report.photos)
        groups = _groups(report.photos)
        disputed = report.conflicts["group"].unique().sort()
        return cls(
            counts=counts,
            sheets=_sheets(report.photos, list(counts)[:CLASSES_WITH_PHOTOS]),
            groups=[_group(report.photos, group) for group in groups[:_GROUPS]],
            all_groups=len(groups),
            suspects=_suspects(report.photos),
            conflicts=[
                _spread(
                    report.conflicts.filter(pc.field("group") == group),
                    _OF_A_GROUP,
                    ("label", "day", "name", "sha256"),
                )
                for group in disputed.slice(0, _CONFLICTS)
            ],
            all_conflicts=len(disputed),
            left_out=_left_out(report.left_out),
            rejected=_spread(report.rejected, REJECTED_FILES, ("day", "key", "reason", "detail")),
            rejected_reasons=_frequencies(report.rejected["reason"]),
        )

    def shown(self) -> list[str]:
        """The sha256 of each photo that is shown, once, sorted."""
        return sorted({row["sha256"] for some in self._all() for row in some.rows})

    def _all(self) -> Iterator[Some]:
        for sheets in self.sheets.values():
            yield from sheets.values()
        yield from self.groups
        yield self.suspects
        yield from self.conflicts
        yield from self.left_out.values()


def _counts(photos: pa.Table) -> dict[str, dict[str, int]]:
    counted = {
        (row["label"], row["split"]): row["count_all"]
        for row in photos.group_by(["label", "split"], use_threads=False)
        .aggregate([([], "count_all")])
        .to_pylist()
    }
    return {
        label: {split: counted.get((label, split), 0) for split in SPLITS}
        for label in _frequencies(photos["label"])
    }


def _sheets(photos: pa.Table, labels: Sequence[str]) -> dict[str, dict[str, Some]]:
    most = min(_OF_A_SHEET, _SHEETS // max(1, len(labels) * len(SPLITS)))
    return {
        label: {
            split: _spread(
                photos.filter((pc.field("label") == label) & (pc.field("split") == split)), most
            )
            for split in SPLITS
        }
        for label in labels
    }


def _groups(photos: pa.Table) -> list[Row]:
    """Groups of over one photo, in the order of `Choice.groups`, with their numbers."""
    table = photos.group_by("group", use_threads=False).aggregate(
        [([], "count_all"), ("split", "count_distinct"), ("label", "count_distinct")]
    )
    order = [
        ("split_count_distinct", "descending"),
        ("label_count_distinct", "descending"),
        ("count_all", "descending"),
        ("group", "ascending"),
    ]
    groups: list[Row] = table.filter(pc.field("count_all") > 1).sort_by(order).to_pylist()
    return groups


def _group(photos: pa.Table, group: Row) -> Group:
    members = photos.filter(pc.field("group") == group["group"])
    some = _spread(members, _OF_A_GROUP, ("split", "label", "day", "name", "sha256"))
    return Group(
        some.rows,
        some.total,
        name=group["group"],
        splits=group["split_count_distinct"],
        labels=group["label_count_distinct"],
    )


def _suspects(photos: pa.Table) -> Some:
    suspects = photos.filter(pc.field("suggested_label") != pc.field("label"))
    order = [(name, "ascending") for name in ("label_quality", *_IN_TIME)]
    return Some(suspects.sort_by(order).slice(0, _SUSPECTS).to_pylist(), suspects.num_rows)


def _left_out(left_out: pa.Table) -> dict[str, Some]:
    reasons = list(_frequencies(left_out["reason"]))[:REASONS]
    most = min(_OF_A_REASON, _LEFT_OUT // max(1, len(reasons)))
    return {
        reason: _spread(left_out.filter(pc.field("reason") == reason), most) for reason in reasons
    }


def _frequencies(values: pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    counted = {row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()}
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _spread(table: pa.Table, most: int, order: Sequence[str] = _IN_TIME) -> Some:
    """So many rows, from the first to the last in that order, evenly apart."""
    ordered = table.sort_by([(name, "ascending") for name in order])
    places = np.linspace(0, table.num_rows - 1, min(most, table.num_rows)).round().astype(np.int64)
    return Some(ordered.take(places).to_pylist(), table.num_rows)
