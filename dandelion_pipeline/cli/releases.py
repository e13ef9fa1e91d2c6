"""`dandelion releases`: which model is live, and which were."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.report import out
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.store import open_store

app = typer.Typer(help="Which model is live.", no_args_is_help=True)


@app.callback()
def releases() -> None:
    """Which model is live."""


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """The release log, newest first; the first row is live."""
    entries = log.history(open_store(load_settings().store))[::-1]
    if as_json:
        typer.echo(json.dumps([entry.model_dump() for entry in entries], indent=2))
        return
    if not entries:
        out.print("No model has been published yet: make run")
        return
    table = Table("release", "action")
    table.add_column("version", no_wrap=True)
    for name in ("when", "who", "why"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        row = (str(entry.number), entry.action, entry.version, entry.when, entry.who, entry.why)
        table.add_row(*map(Text, row))
    out.print(table)
