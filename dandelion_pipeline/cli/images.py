"""`dandelion images`: bring photos in without training on them."""

import csv
from datetime import date
from typing import Annotated

import typer

from dandelion_pipeline.cli.report import progress, say
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.images.landing import (
    FIRST_DAY,
    ImportSummary,
    import_photos,
    is_ingested,
    today,
)
from dandelion_pipeline.images.sources import PhotoSource, open_source
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store

SOURCE_HELP = "A folder of class folders, an http(s) base, a bucket prefix, or `sample`."
LABELS_HELP = "Class names, comma-separated, for an http(s) base that lists nothing."

app = typer.Typer(help="Photos on their way in.", no_args_is_help=True)


@app.callback()
def images() -> None:
    """Photos on their way in."""


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help=SOURCE_HELP)],
    labels: Annotated[str, typer.Option(help=LABELS_HELP)] = "",
    day: Annotated[str, typer.Option(help="YYYY-MM-DD; today (UTC) by default.")] = "",
) -> None:
    """Copy photos to the landing folder; those that landed before are skipped."""
    day = checked_day(day) if day else today()
    store = open_store(load_settings().store)
    bring_in(store, open_source(source, labels=split_labels(labels)), day)
    say("next", f"materialise raw_images for {day}, or run `make run`")


def bring_in(store: Store, source: PhotoSource, day: str) -> ImportSummary:
    """Copy a source's photos to the landing folder of a day, with a progress bar."""
    say("import", source.describe())
    with progress("import") as bar:
        task = bar.add_task("import", total=source.count)
        summary = import_photos(
            store, source, day, on_photo=lambda done: bar.update(task, completed=done)
        )
    for sentence in source.notes.sentences():
        say("import", sentence)
    say("import", f"{summary.copied} photos copied, {summary.skipped} skipped (landed before)")
    return summary


def split_labels(labels: str) -> list[str]:
    """Class names from a comma-separated option; one with a comma stands in double quotes."""
    names = next(csv.reader([labels], skipinitialspace=True), [])
    return [name.strip() for name in names if name.strip()]


def checked_day(day: str) -> str:
    """A day that somebody typed, if photos of it are looked at."""
    try:
        written = date.fromisoformat(day).isoformat()
    except ValueError:
        raise SettingsError(f"the day {day!r}", "it is no date", "Write it as YYYY-MM-DD") from None
    if not is_ingested(written):
        raise SettingsError(
            f"the day {day!r}",
            f"photos are looked at from {FIRST_DAY} to today ({today()}, UTC)",
            "Choose a day in between",
        )
    return written
