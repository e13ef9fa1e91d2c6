"""`dandelion releases`: which model is live, which were, and how to change it."""

import json
import re
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.card import card
from dandelion_pipeline.cli.images.decisions import AsJson, Reason, Who, me
from dandelion_pipeline.cli.refusals import criteria_table, require_no_refusal, show_refusals
from dandelion_pipeline.cli.report import accuracy_in_words, err, out, progress, say, show_error
from dandelion_pipeline.errors import DandelionError, ReleaseError
from dandelion_pipeline.release import log, promotion
from dandelion_pipeline.release.agreement import Agreement
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

app = typer.Typer(help="Which model is live.", no_args_is_help=True)


@app.callback()
def releases() -> None:
    """Which model is live."""


@app.command("list")
def list_(
    as_json: AsJson = False,
    refused: Annotated[
        bool, typer.Option("--refused", help="The models that the gate kept from going live.")
    ] = False,
) -> None:
    """The release log, newest first; the first row is live."""
    store = open_store(load_settings().store)
    if refused:
        show_refusals(store, as_json=as_json)
        return
    entries = log.history(store)[::-1]
    if as_json:
        typer.echo(json.dumps([entry.model_dump() for entry in entries], indent=2))
    elif entries:
        out.print(_table(entries))
    else:
        out.print(Text(f"No model has been published in {store.url} yet: make run"))


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="The live one, by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """One model: what it is, what it was made from, how good it is, when it was live."""
    store = open_store(load_settings().store)
    entries = log.history(store)
    live = entries[-1] if entries else None
    chosen = version or (live or log.live(store)).version
    released = {entry.version: entry.manifest_sha256 for entry in entries}
    bundle = open_bundle(store, chosen, released.get(chosen))
    mine = [entry for entry in entries if chosen in (entry.version, entry.previous)][::-1]
    decision = last_decision(store, chosen)
    is_live = live is not None and live.version == chosen
    if as_json:
        document = {
            "live": is_live,
            "address": _address(bundle),
            "manifest_sha256": bundle.manifest_sha256,
            "manifest": bundle.manifest.model_dump(),
            "releases": [entry.model_dump() for entry in mine],
            "decision": decision.model_dump() if decision else None,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    for name, value in _facts(bundle, is_live=is_live).items():
        out.print(Text.assemble((f"{name:>12}  ", "bold"), value))
    if decision:
        out.print(criteria_table(decision))
    if mine:
        out.print(_table(mine))


app.command()(card)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="A finished bundle.")],
    reason: Reason,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the gate refused it; the log says so.")
    ] = False,
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Make a finished model live. Its files are read and verified first."""
    settings = load_settings()
    store = open_store(settings.store)
    before = log.live_or_none(store)
    bundle = open_bundle(store, version, _digest(store, version))
    if not force:
        require_no_refusal(store, version)
    _verify(bundle, quiet=as_json)
    entry = promotion.promote(bundle, who=who or me(), why=reason, forced=force)
    _tell(entry, changed=entry != before, as_json=as_json)
    _mirror(settings, store)


@app.command()
def rollback(
    reason: Reason,
    to: Annotated[str, typer.Option(help="The one before the live one, by default.")] = "",
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Make an earlier model live again; the API follows within a poll. Twice goes two back."""
    settings = load_settings()
    store = open_store(settings.store)
    entry = promotion.rollback(store, to=to or None, who=who or me(), why=reason)
    _tell(entry, changed=True, as_json=as_json)
    _mirror(settings, store)


def _digest(store: Store, version: str) -> str | None:
    """What the log says of a version's manifest, if it was released and the log can be read."""
    try:
        entries = log.history(store)
    except ReleaseError:  # an older entry is damaged: a promotion is the way out
        return None
    return next((e.manifest_sha256 for e in entries[::-1] if e.version == version), None)


def _table(entries: list[Release]) -> Table:
    table = Table("#", "action", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("version", no_wrap=True)
    table.add_column("when (UTC)", no_wrap=True)
    table.add_column("why (who)")
    for entry in entries:
        when = entry.when[:16].replace("T", " ")
        reason = f"{entry.why} ({_SHORTENED.sub(_FIRST_PART, entry.who)})"
        action = f"{entry.action}, forced" if entry.forced else entry.action
        table.add_row(*map(Text, (str(entry.number), action, entry.version, when, reason)))
    return table


# Enough of a run's id to find it by; --json has all of it.
_SHORTENED, _FIRST_PART = re.compile(r"\b([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), r"\1"


def _facts(bundle: Bundle, *, is_live: bool) -> dict[str, str]:
    manifest = bundle.manifest
    metrics = manifest.metrics
    counts = {label: sum(splits.values()) for label, splits in manifest.data.counts.items()}
    sizes = {name: f"{file.size:,} bytes" for name, file in manifest.files.items()}
    return {
        "version": manifest.version,
        "live": "yes" if is_live else "no",
        "made": manifest.created,
        "accuracy": accuracy_in_words(metrics),
        "served in": manifest.served_in_words,
        "int8": _int8(manifest.int8),
        "photos": ", ".join(f"{number} {label}" for label, number in counts.items())
        + (" (a generated sample)" if manifest.data.is_sample else ""),
        "data hash": manifest.data.hash,
        "Dagster run": manifest.dagster_run,
        "MLflow run": manifest.mlflow_run,
        "code": manifest.code_version,
        "files": ", ".join(f"{name} {size}" for name, size in sizes.items()),
        "lies in": _address(bundle),
    }


def _int8(found: Agreement | None) -> str:
    if found is None:
        return "none"
    use = "" if found.agrees else ", so it is not served"
    interval = (
        f" ({found.labels_interval[0]:.1%} to {found.labels_interval[1]:.1%})"
        if found.labels_interval
        else ""
    )
    return (
        f"{found.labels_equal:.1%}{interval} of {found.photos} photos keep their label, "
        f"probabilities within {found.largest_difference:.3f}{use}"
    )


def _address(bundle: Bundle) -> str:
    return bundle.store.address(layout.model_file(bundle.manifest.version, ""))


def _verify(bundle: Bundle, *, quiet: bool) -> None:
    if quiet:
        bundle.verify()
        return
    with progress("verify") as bar:
        for name in bar.track(bundle.manifest.files, description="verify"):
            bundle.read(name)


def _tell(entry: Release, *, changed: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(entry.model_dump(), indent=2))
    elif changed:
        before = f", in place of {entry.previous}" if entry.previous else ""
        say("live", f"{entry.version}{before}, as release {entry.number}")
    else:
        say("live", f"{entry.version} was live already, as release {entry.number}")


def _mirror(settings: Settings, store: Store) -> None:
    """Bring MLflow's registry up to date. The log is the truth, so this may fail."""
    from dandelion_pipeline.defs.mlflow.registry import mirror  # noqa: PLC0415  MLflow takes seconds

    try:
        mirror(settings, store)
    except DandelionError as error:
        _warn(error)


def _warn(error: DandelionError) -> None:
    err.print("The release is made. MLflow's registry lags behind:")
    show_error(error)
