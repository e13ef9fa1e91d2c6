"""What must hold of a day's photos before they may change a data set.

Each check compares one figure with one bound. A day that fails is stopped: its photos stay where
they are and are looked at by a person, who takes the day in all the same or mends it.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance
from dandelion_pipeline.errors import CheckFailed
from dandelion_pipeline.ingest.intake import IGNORED, REJECTED

REJECTION_RATE = "rejection_rate"
BRIGHTNESS_DRIFT, SIZE_DRIFT, CLASS_DRIFT = DRIFTS = (
    "brightness_drift",
    "size_drift",
    "class_share_drift",
)

BATCH_DESCRIPTIONS = {
    REJECTION_RATE: "No more than this share of a day's files is rejected",
    BRIGHTNESS_DRIFT: "The mean brightness is near that of the last accepted day",
    SIZE_DRIFT: "The median side of the photos is near that of the last accepted day",
    CLASS_DRIFT: "The classes have about the same shares as on the last accepted day",
}
"""What holds when each check passes."""


@dataclass(frozen=True)
class Finding:
    """What came of a check."""

    check: str
    figure: float
    bound: float
    says: str
    """The figure in words, and what it was compared with."""

    at_least: bool = False
    """Whether the bound is the lowest figure allowed; otherwise it is the highest."""

    @property
    def passed(self) -> bool:
        """Whether the figure keeps the bound."""
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def __str__(self) -> str:
        allowed = "at least" if self.at_least else "at most"
        return f"{self.says} ({self.check} {self.figure:.3g}, allowed is {allowed} {self.bound:g})"


class BatchLimits(BaseModel):
    """What a day's photos may look like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rejection_rate: float = Field(default=0.2, ge=0, le=1)
    """Share of the day's files that may be rejected."""

    few_rejected: int = Field(default=5, ge=0)
    """So many rejected files never stop a day, whatever their share."""

    fewest_to_compare: int = Field(default=20, ge=1)
    """Photos that a day needs to be compared with another, or to be compared with."""

    max_brightness_drift: float = Field(default=60.0, ge=0, le=255)
    """Difference of the mean brightness (0 to 255)."""

    max_size_drift: float = Field(default=2.0, ge=0)
    """Difference of the median side, in octaves: 1 is twice or half as large."""

    max_class_share_drift: float = Field(default=0.5, ge=0, le=1)
    """Half the sum of the differences of the shares (total variation distance)."""


def check_rejections(raw: pa.Table, limits: BatchLimits) -> Finding:
    """Whether too many of a day's files are no photos. Ignored files do not count.

    Args:
        raw: a table of `intake.RAW_SCHEMA`.
        limits: the bounds.
    """
    rejected = raw.filter(pc.equal(raw["status"], REJECTED))
    files = raw.num_rows - raw.filter(pc.equal(raw["status"], IGNORED)).num_rows
    says = f"{rejected.num_rows} of {files} files were rejected"
    if rejected.num_rows:
        says += f", such as {rejected['name'][0].as_py()}: {rejected['detail'][0].as_py()}"
    rate = rejected.num_rows / max(1, files)
    if rejected.num_rows <= limits.few_rejected:
        rate = 0.0
        says += f" (up to {limits.few_rejected} do not count)"
    return Finding(REJECTION_RATE, rate, limits.max_rejection_rate, says)


def check_drift(day: pa.Table, before: pa.Table | None, limits: BatchLimits) -> list[Finding]:
    """Whether a day's photos are of another kind than those of the last day that was accepted.

    Args:
        day: columns ``label``, ``width``, ``height`` (pixels) and ``brightness`` (0 to 255).
        before: the same of the other day, or None if there is none.
        limits: the bounds.

    Returns:
        A finding for each of `DRIFTS`. It passes if there are too few photos to tell.
    """
    bounds = (
        limits.max_brightness_drift,
        limits.max_size_drift,
        limits.max_class_share_drift,
    )
    fewest = min(day.num_rows, before.num_rows if before is not None else 0)
    if before is None or fewest < limits.fewest_to_compare:
        says = "nothing to compare with" if before is None else f"{fewest} photos are too few"
        return [Finding(name, 0.0, bound, says) for name, bound in zip(DRIFTS, bounds, strict=True)]
    drifts = (_brightness(day, before), _size(day, before), _shares(day, before))
    return [
        Finding(name, figure, bound, says)
        for name, bound, (figure, says) in zip(DRIFTS, bounds, drifts, strict=True)
    ]


def failed(findings: Iterable[Finding]) -> str:
    """The findings that did not pass, in words; empty if all did."""
    return "; ".join(str(finding) for finding in findings if not finding.passed)


def require(day: str, findings: Iterable[Finding], acceptance: Acceptance | None) -> None:
    """Stop a day that a check is against, unless somebody accepted it.

    Raises:
        CheckFailed: names each check that failed with its figure and its bound.
    """
    why = failed(findings)
    if why and acceptance is None:
        raise CheckFailed(
            f"the photos of {day}",
            why,
            "Nothing of this day goes into the data set, and nothing is lost. Look at the "
            f"photos; mend the folder, or run `dandelion images accept {day} --reason …`",
        )


def _brightness(day: pa.Table, before: pa.Table) -> tuple[float, str]:
    now, then = (float(np.mean(t["brightness"].to_numpy())) for t in (day, before))
    return abs(now - then), f"mean brightness {now:.0f} after {then:.0f}"


def _size(day: pa.Table, before: pa.Table) -> tuple[float, str]:
    now, then = (_median_side(table) for table in (day, before))
    return abs(math.log2(now / then)), f"median side {now:.0f} pixels after {then:.0f}"


def _median_side(table: pa.Table) -> float:
    area = table["width"].to_numpy().astype(np.float64) * table["height"].to_numpy()
    return float(np.median(np.sqrt(area)))


def _shares(day: pa.Table, before: pa.Table) -> tuple[float, str]:
    now, then = (Counter(table["label"].to_pylist()) for table in (day, before))
    differences = {
        label: now[label] / now.total() - then[label] / then.total() for label in {*now, *then}
    }
    most = max(sorted(differences), key=lambda label: abs(differences[label]))
    says = (
        f"{most} has {now[most] / now.total():.0%} of the photos "
        f"after {then[most] / then.total():.0%}"
    )
    return sum(map(abs, differences.values())) / 2, says
