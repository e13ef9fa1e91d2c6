"""The gate as Dagster shows it: its limits as configuration, its criteria as asset checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dandelion_pipeline.defs.tables import figure, table
from dandelion_pipeline.gate.gate import GATE_CHECKS
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.decision import Criterion, Decision


class GateConfig(dg.Config, GateLimits):
    """What a challenger has to keep to go live."""


def gate_results(decision: Decision, *, stops: bool = True) -> Iterator[dg.AssetCheckResult]:
    """One result for each of `GATE_CHECKS`.

    A failure is a warning only, if somebody forced the release, or if it stops nothing. What held
    and people should know of all the same is a failed check with the severity of a warning.
    """
    for check in GATE_CHECKS:
        mine = [criterion for criterion in decision.criteria if criterion.check == check]
        held = all(criterion.passed for criterion in mine)
        is_error = stops and not held and not decision.forced_because
        yield dg.AssetCheckResult(
            asset_key=dg.AssetKey("published_model"),
            check_name=check,
            passed=held and not any(criterion.warning for criterion in mine),
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description="; ".join(criterion.says for criterion in mine),
            metadata=_figures(mine, decision.forced_because),
        )


def criteria_table(decision: Decision) -> dg.TableMetadataValue:
    """All criteria in one table, for people."""
    texts = dict.fromkeys(("criterion", "verdict"), "string")
    return table(
        {**texts, "value": "float", "bound": "float", "what was found": "string"},
        [[c.check, _verdict(c), c.value, c.bound, c.says] for c in decision.criteria],
    )


def _verdict(criterion: Criterion) -> str:
    if not criterion.passed:
        return "failed"
    return "warning" if criterion.warning else "passed"


def _figures(criteria: list[Criterion], forced_because: str) -> dict[str, Any]:
    """The figure that failed or warns, or the first one, and what it was compared with."""
    shown = min(criteria, key=lambda criterion: (criterion.passed, not criterion.warning))
    figures = {"figure": shown.value, "bound": shown.bound}
    metadata: dict[str, Any] = {k: figure(v) for k, v in figures.items() if v is not None}
    return {**metadata, "forced because": forced_because} if forced_because else metadata
