"""`dandelion images`: bring photos in without training on them."""

import csv
import shlex
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

import typer

from dandelion_pipeline.cli.images.changes import require_most_are_there, say_changes
from dandelion_pipeline.cli.images.decisions import me
from dandelion_pipeline.cli.report import progress, say
from dandelion_pipeline.dataset.reviewed import known_classes
from dandelion_pipeline.errors import Refused, SettingsError
from dandelion_pipeline.ingest.imports import Imported, last_import, plan_import, record_import
from dandelion_pipeline.ingest.landing import (
    FIRST_DAY,
    ImportSummary,
    import_photos,
    is_ingested,
    today,
)
from dandelion_pipeline.ingest.source_address import source_address
from dandelion_pipeline.ingest.sources import PhotoSource, open_source
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

SOURCE_HELP = "A folder of class folders, an http(s) base, a bucket prefix, or `sample`."
LABELS_HELP = "Class names, comma-separated, for an http(s) base that lists nothing."

Mirror = Annotated[
    bool, typer.Option("--mirror", help="Leave out photos that the source holds no more.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Mirror although more than half of the photos are gone.")
]
KeepSplits = Annotated[
    bool, typer.Option("--keep-splits", help="Test photos of the source stay test photos.")
]
MergeCase = Annotated[
    bool, typer.Option("--merge-case", help="Classes that differ in capitals alone are one.")
]
GroupPattern = Annotated[
    str,
    typer.Option(
        metavar="REGEX",
        help="What in a file's name tells what belongs together (patient, plant, session).",
    ),
]

app = typer.Typer(help="Photos on their way in.", no_args_is_help=True)


@dataclass(frozen=True)
class SourceChoice:
    """A source of photos, and how it is read."""

    spec: str
    labels: tuple[str, ...] = ()
    mirror: bool = False
    force: bool = False
    keep_splits: bool = False
    group_pattern: str = ""
    merge_case: bool = False

    def open(self, known: Collection[str]) -> PhotoSource:
        """What can be wrong with the source is found out here; see `open_source`.

        Args:
            known: the classes that the store holds.
        """
        return open_source(
            self.spec,
            labels=self.labels,
            known=known,
            keep_splits=self.keep_splits,
            group_pattern=self.group_pattern,
            merge_case=self.merge_case,
        )


@app.callback()
def images() -> None:
    """Photos on their way in."""


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help=SOURCE_HELP)],
    labels: Annotated[str, typer.Option(help=LABELS_HELP)] = "",
    day: Annotated[str, typer.Option(help="YYYY-MM-DD; today (UTC) by default.")] = "",
    mirror: Mirror = False,
    force: Force = False,
    keep_splits: KeepSplits = False,
    group_pattern: GroupPattern = "",
    merge_case: MergeCase = False,
) -> None:
    """Copy photos to the landing folder; those that landed before are skipped."""
    day = checked_day(day) if day else today()
    choice = SourceChoice(
        source, split_labels(labels), mirror, force, keep_splits, group_pattern, merge_case
    )
    store = open_store(load_settings().store)
    bring_in(store, choice, choice.open(known_classes(store)), day)
    say("next", f"materialise raw_images for {day}, or run `make run`")


def bring_in(store: Store, choice: SourceChoice, source: PhotoSource, day: str) -> ImportSummary:
    """Copy a source's photos to the landing folder of a day, with a progress bar.

    What the source held is recorded, and what changed since its last import is printed.

    Raises:
        Refused: the source is to be mirrored, and more than half of its photos are gone.
    """
    say("import", source.describe())
    address, sentences = source_address(choice.spec), len(source.notes.said)
    with progress("import") as bar:
        task = bar.add_task("import", total=source.count)
        summary = import_photos(
            store,
            source,
            day,
            on_photo=lambda done: bar.update(task, completed=done),
            earlier=_earlier(store, address),
        )
    for sentence in source.notes.sentences():
        say("import", sentence)
    say("import", f"{summary.copied} photos copied, {summary.skipped} skipped (landed before)")
    files = [file if choice.keep_splits else replace(file, split="") for file in summary.files]
    was_cut = len(source.notes.said) > sentences  # a server that was given up half-way, and why
    unread = (*source.notes.odd, *([address] if was_cut else []))
    imported = Imported(address, files, choice.labels, day, me(), unread)
    if choice.mirror and not choice.force:
        planned = plan_import(store, imported, mirror=True).changes
        try:
            require_most_are_there(planned, source.describe())
        except Refused:
            record_import(store, imported)  # what landed, landed
            raise
    changes = record_import(store, imported, mirror=choice.mirror)
    say_changes(changes, shlex.quote(choice.spec), mirror=choice.mirror)
    return summary


def _earlier(store: Store, address: str) -> dict[str, set[str]]:
    last = last_import(store, address)
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for file in last.files if last else ():
        labels[file.sha256].add(file.label)
    return dict(labels)


def split_labels(labels: str) -> tuple[str, ...]:
    """Class names from a comma-separated option; one with a comma stands in double quotes."""
    names = next(csv.reader([labels], skipinitialspace=True), [])
    return tuple(name.strip() for name in names if name.strip())


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
