"""What the gate said of a model, for `dandelion releases`."""

import json

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.report import out
from dandelion_pipeline.errors import ModelRefused
from dandelion_pipeline.release.decision import Decision, last_decision, refusals
from dandelion_pipeline.storage.objects.store import Store


def show_refusals(store: Store, *, as_json: bool) -> None:
    """The models that were refused and never went live, newest first."""
    refused = refusals(store)
    if as_json:
        typer.echo(json.dumps([decision.model_dump() for decision in refused], indent=2))
        return
    if not refused:
        out.print(Text(f"In {store.url}, the gate has refused no model that did not go live later"))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in ("version", "when (UTC)", "live was"):
        table.add_column(name, no_wrap=True)
    table.add_column("why not")
    for decision in refused:
        when = decision.when[:16].replace("T", " ")
        row = (decision.version, when, decision.champion or "none", decision.reason)
        table.add_row(*map(Text, row))
    out.print(table)


def criteria_table(decision: Decision) -> Table:
    """What was asked of a model, and what was found."""
    against = f"beside {decision.champion}" if decision.champion else "with no model live"
    table = Table(title=f"The gate, {against}", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("criterion", "", "value", "bound", "what was found"):
        table.add_column(name, justify="right" if name in {"value", "bound"} else "left")
    for criterion in decision.criteria:
        figures = ("" if n is None else f"{n:.3g}" for n in (criterion.value, criterion.bound))
        held = "warning" if criterion.warning else "passed"
        passed = held if criterion.passed else "FAILED"
        table.add_row(*map(Text, (criterion.check, passed, *figures, criterion.says)))
    return table


def require_no_refusal(store: Store, version: str) -> None:
    """Keep a model that the gate refused from going live by mistake.

    Raises:
        ModelRefused: the last decision about it was a refusal.
        ReleaseError: that decision cannot be read.
    """
    decision = last_decision(store, version)
    if decision is not None and not decision.promote:
        raise ModelRefused(
            f"promoting {version}",
            f"the gate refused it: {decision.reason}",
            "If you know better: the same command with --force; the log keeps that, and why",
        )
