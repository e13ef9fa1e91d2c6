"""What the gate said of a model, and why: a small log of its own in each bundle's folder.

A bundle's manifest is written once, and a model may be judged more than once: by two runs at
the same time, or again after the live model has changed. So decisions lie beside the manifest.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from dandelion_pipeline.errors import ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.numbered_log import Entry, NumberedLog


class Criterion(BaseModel):
    """One thing that was asked of a challenger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    """The condition that should hold; several criteria may belong to one."""

    says: str
    """What was found, in words."""

    passed: bool
    warning: bool = False
    """Whether it passed and people should know of it all the same; False in older decisions."""

    value: float | None = None
    bound: float | None = None
    """What the value was compared with; None where there was nothing to compare."""


class Decision(Entry):
    """Whether a challenger may go live."""

    version: str
    champion: str | None
    """The model that was live, and that it was compared with if that was possible."""

    promote: bool
    forced_because: str = ""
    """Why somebody promoted it whatever the gate says; empty if nobody did."""

    criteria: list[Criterion]
    best: str | None = None
    """The best model so far, this one included if it is live: later ones are measured by it too.
    None in older decisions."""

    when: str
    """ISO 8601, UTC."""

    dagster_run: str

    @property
    def failed(self) -> list[Criterion]:
        """What did not hold."""
        return [criterion for criterion in self.criteria if not criterion.passed]

    @property
    def warnings(self) -> list[Criterion]:
        """What held, and people should know of all the same."""
        return [criterion for criterion in self.criteria if criterion.warning]

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        failed = "; ".join(criterion.says for criterion in self.failed)
        if self.forced_because:
            return f"{self.forced_because} (forced; {failed or 'the gate had nothing against it'})"
        first = self.criteria[0]
        warnings = "; ".join(found.says for found in self.warnings if found != first)
        return failed or first.says + (f" (warning: {warnings})" if warnings else "")


def decision_of(
    version: str,
    champion: str | None,
    criteria: Sequence[Criterion],
    *,
    forced_because: str,
    run: str,
    best: str | None = None,
) -> Decision:
    """A decision that nobody has written down yet, so that its number is 0."""
    return Decision(
        number=0,
        version=version,
        champion=champion,
        promote=bool(forced_because) or all(criterion.passed for criterion in criteria),
        forced_because=forced_because,
        criteria=list(criteria),
        best=best,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        dagster_run=run,
    )


def record(store: Store, decision: Decision) -> Decision:
    """Write a decision down, unless it is the same as the last one about that model."""
    decisions = _log(store, decision.version)
    while True:
        number = decisions.highest()
        last = decisions.read(number) if number else None
        if last is not None and _same(last, decision):
            return last
        numbered = decision.model_copy(update={"number": number + 1})
        if decisions.append(numbered):
            return numbered


def last_decision(store: Store, version: str) -> Decision | None:
    """The newest decision about a model; None if it was never judged.

    Raises:
        ReleaseError: it cannot be read.
    """
    decisions = _log(store, version)
    number = decisions.highest()
    return decisions.read(number) if number else None


def refusals(store: Store) -> list[Decision]:
    """The newest decision about each model that was refused and never went live, newest first.

    Raises:
        ReleaseError: a decision, or the release log, cannot be read.
    """
    released = {entry.version for entry in log.history(store)}
    keys = (found.key for found in store.list_objects(layout.MODELS))
    judged = {version for key in keys if (version := layout.decided_version(key)) is not None}
    found = [last_decision(store, version) for version in sorted(judged - released)]
    refused = [decision for decision in found if decision is not None and not decision.promote]
    return sorted(refused, key=lambda decision: (decision.when, decision.version), reverse=True)


def _same(one: Decision, other: Decision) -> bool:
    apart = {"number", "id", "when"}
    return one.model_dump(exclude=apart) == other.model_dump(exclude=apart)


def _log(store: Store, version: str) -> NumberedLog[Decision]:
    return NumberedLog(
        store,
        layout.decisions(version),
        lambda number: layout.decision(version, number),
        Decision,
        _broken,
    )


def _broken(address: str, why: str) -> ReleaseError:
    return ReleaseError(
        f"the gate's decision {address}",
        why,
        "Restore it from a backup or from the bucket's versions; no live model needs it",
    )
