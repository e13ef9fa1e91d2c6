"""`dandelion config`: which models are trained and how, and the limits of every check."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.images.decisions import AsJson, Reason, Who, me
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.configuration.document import Configuration, configuration_of
from dandelion_pipeline.configuration.history import configuration, configure, highest, in_force
from dandelion_pipeline.configuration.history import history as all_of_them
from dandelion_pipeline.errors import ObjectNotFound, SettingsError
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.config import IMAGENET, NO_WEIGHTS

WEIGHTS, WEIGHTS_HASH = "training.weights", "training.weights_sha256"

app = typer.Typer(
    help="Which models are trained and how, and the limits of every check.", no_args_is_help=True
)


@app.callback()
def config() -> None:
    """Which models are trained and how, and the limits of every check.

    `make run`, the schedules and Dagster's launchpad read it whenever they start something.
    """


@app.command()
def show(
    everything: Annotated[bool, typer.Option("--all", help="The defaults, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What somebody chose. The JSON is what `apply` takes."""
    store = open_store(load_settings().store)
    found = in_force(store)
    chosen = found.configuration if found else Configuration()
    ours = chosen.chosen()
    parameters = chosen.effective() if everything else ours
    if as_json:
        typer.echo(json.dumps(_nested(parameters), indent=2))
        return
    out.print(Text(f"{found.in_words} of {store.url}" if found else f"all defaults: {store.url}"))
    if parameters:
        table = Table("parameter", "value", "", box=box.SIMPLE_HEAD, pad_edge=False)
        for name, value in parameters.items():
            table.add_row(name, Text(_text(value)), "chosen" if name in ours else "default")
        out.print(table)
    if not everything:
        out.print("Every other parameter has its default: dandelion config show --all")


@app.command("set")
def set_(
    choices: Annotated[
        list[str], typer.Argument(help="Such as training.size=224 or gate.min_recall=0.6.")
    ],
    reason: Reason,
    who: Who = "",
) -> None:
    """Choose the values of some parameters. Weights in a file are copied into the store."""
    store = open_store(load_settings().store)
    after = highest(store)
    changes = dict(map(_choice, choices))
    changes |= _weights(store, changes)
    _configure(store, configuration(store).changed(changes), after, who, reason)


@app.command()
def unset(
    names: Annotated[list[str], typer.Argument(help="Parameters, such as training.size.")],
    reason: Reason,
    who: Who = "",
) -> None:
    """Go back to the defaults of some parameters."""
    store = open_store(load_settings().store)
    after = highest(store)
    _configure(store, configuration(store).without(names), after, who, reason)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="JSON, as `show --json` prints it.")],
    reason: Reason,
    who: Who = "",
) -> None:
    """Put a whole configuration in place of the one that holds."""
    store = open_store(load_settings().store)
    after = highest(store)
    _configure(store, configuration_of(_document(file)), after, who, reason)


@app.command()
def history(as_json: AsJson = False) -> None:
    """Every configuration that there was, newest first, with who chose it and why."""
    entries = all_of_them(open_store(load_settings().store))[::-1]
    if as_json:
        typer.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2))
        return
    if not entries:
        out.print("Nobody has chosen anything: all parameters have their defaults")
        return
    table = Table("", "when", "who", "why", "chosen", box=box.SIMPLE_HEAD, pad_edge=False)
    for entry in entries:
        chosen = (f"{name}={_text(v)}" for name, v in entry.configuration.chosen().items())
        what = "\n".join(chosen) or "all defaults"
        table.add_row(*map(Text, (str(entry.number), entry.when[:16], entry.who, entry.why, what)))
    out.print(table)


def _configure(store: Store, chosen: Configuration, after: int, who: str, reason: str) -> None:
    try:
        before = configuration(store).chosen()
    except SettingsError:  # it is damaged, and this is the way out
        before = {}
    entry = configure(store, chosen, after=after, who=who or me(), why=reason)
    now = entry.configuration.chosen()
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            says = _text(now[name]) if name in now else "its default"
            say("config", f"{name} is {says} from now on")
    say("config", f"this is {entry.in_words}; the next run reads it")


def _choice(choice: str) -> tuple[str, JsonValue]:
    """A parameter and its value, which is JSON or else a text."""
    name, equals, text = choice.partition("=")
    if not equals:
        raise SettingsError(
            f"the choice {choice!r}", "it has no value", "Write NAME=VALUE: training.size=224"
        )
    try:
        return name.strip(), json.loads(text)
    except ValueError:
        return name.strip(), text.strip()


def _weights(store: Store, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Weights under a key of the store, with their hash, so that every machine finds them."""
    named = changes.get(WEIGHTS)
    if not isinstance(named, str):
        return {}
    if named in (NO_WEIGHTS, IMAGENET):
        return {WEIGHTS_HASH: ""}
    file = Path(named).expanduser()
    try:
        data = file.read_bytes() if file.is_file() else store.get(named)
    except (OSError, ObjectNotFound) as error:
        raise SettingsError(
            f"the weights {named}",
            f"they are no file that can be read, and no key of {store.url} ({error})",
            "Give a file, such as weights.safetensors of a model",
        ) from None
    sha256 = sha256_hex(data)
    if not file.is_file():
        return {WEIGHTS_HASH: changes.get(WEIGHTS_HASH, sha256)}
    store.put_if_absent(layout.weights(sha256), data)
    return {WEIGHTS: layout.weights(sha256), WEIGHTS_HASH: sha256}


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the file {file}", f"it cannot be read as JSON ({error})", "Correct the file"
        ) from None
    if not isinstance(document, dict):
        raise SettingsError(f"the file {file}", "it is no JSON object", "Correct the file")
    return document


def _nested(parameters: Mapping[str, JsonValue]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in parameters.items():
        part, _, parameter = name.partition(".")
        if parameter:
            nested.setdefault(part, {})[parameter] = value
        else:
            nested[part] = value
    return nested


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
