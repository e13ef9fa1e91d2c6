"""Asset checks: what the rooms below find, as Dagster shows it, and what stops the graph."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from dandelion_pipeline.dataset.checks import DATASET_DESCRIPTIONS
from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance
from dandelion_pipeline.dataset.cleaning.batch_checks import (
    BATCH_DESCRIPTIONS,
    BatchLimits,
    Finding,
)
from dandelion_pipeline.defs.tables import figure
from dandelion_pipeline.gate.gate import GATE_DESCRIPTIONS

_DESCRIPTIONS = {**BATCH_DESCRIPTIONS, **DATASET_DESCRIPTIONS, **GATE_DESCRIPTIONS}

ACCEPTED_BY = "accepted by"
"""The metadata entry of a check whose finding somebody has accepted."""


class BatchConfig(dg.Config, BatchLimits):
    """What a day's photos may look like; a day that is otherwise is stopped."""


def check_specs(
    asset: str, blocking: Sequence[str], others: Sequence[str] = ()
) -> list[dg.AssetCheckSpec]:
    """The checks of an asset; a blocking one that fails stops the run behind the asset."""
    return [
        dg.AssetCheckSpec(
            name, asset=asset, blocking=name in blocking, description=_DESCRIPTIONS[name]
        )
        for name in (*blocking, *others)
    ]


def check_results(
    findings: Iterable[Finding],
    blocking: Sequence[str],
    acceptance: Acceptance | None = None,
) -> Iterator[dg.AssetCheckResult]:
    """Each finding with its figure and its bound; a warning only, if somebody accepted it."""
    for finding in findings:
        stops = finding.check in blocking and acceptance is None
        metadata: dict[str, Any] = {
            "figure": figure(finding.figure),
            "bound": figure(finding.bound),
        }
        if acceptance is not None and not finding.passed:
            metadata |= {ACCEPTED_BY: acceptance.who, "accepted because": acceptance.why}
        yield dg.AssetCheckResult(
            check_name=finding.check,
            passed=finding.passed,
            severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
            description=finding.says,
            metadata=metadata,
        )
