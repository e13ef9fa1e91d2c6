"""`dandelion classes`: what the classes are called."""

import json
import unicodedata
from collections import Counter
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.images.decisions import AsJson, Reason, Who, me
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.dataset.labels.class_names import name_now, rename_class, renames
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

app = typer.Typer(help="What the classes are called.", no_args_is_help=True)


@app.callback()
def classes() -> None:
    """What the classes are called."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All classes with their photos, and the names that people changed."""
    store = open_store(load_settings().store)
    counts, decided = _counts(store), renames(store)
    if as_json:
        document = {"classes": counts, "renames": [one.model_dump() for one in decided]}
        typer.echo(json.dumps(document, indent=2))
        return
    if not counts:
        out.print("There are no photos yet: make run IMAGES=folder")
        return
    table = Table("class", "photos", box=box.SIMPLE_HEAD, pad_edge=False)
    for label, count in counts.items():
        table.add_row(Text(label), str(count))
    out.print(table)
    for one in decided:
        say("renamed", f"{one.old} to {one.new}, {one.when[:10]}: {one.why} ({one.who})")


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="What the class is called now.")],
    new: Annotated[str, typer.Argument(help="What it is called from now on.")],
    reason: Reason,
    merge: Annotated[
        bool, typer.Option("--merge", help="Let it join a class that there is already.")
    ] = False,
    who: Who = "",
) -> None:
    """Give a class another name. Photos that come under the old name later have the new one too."""
    store = open_store(load_settings().store)
    counts = _counts(store)
    old, new = (unicodedata.normalize("NFC", name).strip() for name in (old, new))
    if old not in counts:
        now = name_now(old, renames(store))
        raise ReviewError(
            f"the class {old!r}",
            f"it is called {now} now" if now in counts else "there is no such class",
            f"There are {', '.join(counts) or 'no photos yet'}: `dandelion classes list`",
        )
    if not new or "/" in new or not new.isprintable() or new == old:
        raise ReviewError(
            f"the name {new!r}",
            "it is the name that the class has"
            if new == old
            else "it is empty, or holds a slash or what cannot be printed",
            "Choose another one",
        )
    if new in counts and not merge:
        raise ReviewError(
            f"renaming {old} to {new}",
            f"there is a class {new} already, with {counts[new]} photos",
            "To make one class of both, which no later command takes apart: add --merge",
        )
    decided = rename_class(store, old, new, who=who or me(), why=reason)
    say("rename", f"{old} is {new} from now on: {counts[old]} photos (decision {decided.number})")
    if new not in counts:
        say("undo", f'dandelion classes rename "{new}" "{old}" --reason …')
    say("next", "the next training applies it: make run")


def _counts(store: Store) -> dict[str, int]:
    """Photos by class, those that are left out too."""
    return dict(sorted(Counter(all_photos(store)["label"].to_pylist()).items()))
