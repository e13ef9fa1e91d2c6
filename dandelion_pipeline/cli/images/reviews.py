"""`dandelion images relabel|drop|keep|reviews|accept`: what people decide about photos."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.images.commands import checked_day
from dandelion_pipeline.cli.images.decisions import AsJson, Reason, Who, me
from dandelion_pipeline.cli.images.photo_choice import (
    FIND_IDS,
    SHOWN_ID,
    Photos,
    read_labels,
    read_list,
)
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.cli.stop_signals import stopped_like_ctrl_c
from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance, accept
from dandelion_pipeline.dataset.dataset import suspects_of
from dandelion_pipeline.dataset.labels import reviews as log
from dandelion_pipeline.dataset.labels.reviews import Decision
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.ingest.intake import RAW_IMAGES
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import last_table, read_snapshot

_LIST = "IDs or file names, one a line, instead of ID."
_LABELS = "CSV of IDs or file names and labels, instead of ID and LABEL."
_SHOWN = 10

Photo = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The SHA-256, its first 8 digits or more, or the name of the file."
    ),
]
NoList = Annotated[Path | None, typer.Option("--from-list", metavar="FILE", help=_LIST)]
Labels = Annotated[Path | None, typer.Option("--from-list", metavar="FILE", help=_LABELS)]


def relabel(
    reason: Reason,
    photo: Photo = "",
    label: Annotated[str, typer.Argument(help="The label that is right.")] = "",
    from_list: Labels = None,
    new_class: Annotated[
        bool, typer.Option("--new-class", help="There are no photos of this class yet.")
    ] = False,
    who: Who = "",
) -> None:
    """Give photos another label, whatever folder they came in."""
    _require_one(photo and label, from_list, "ID LABEL")
    store = open_store(load_settings().store)
    photos = Photos.of(store)
    wanted = read_labels(from_list) if from_list else [(photo, label)]
    chosen = [(photos.find(one), label) for one, label in wanted]
    classes = {name for labels in photos.labels.values() for name in labels}
    unknown = [label for _, label in chosen if label not in classes]
    if unknown and not new_class:
        raise ReviewError(
            f"the label {unknown[0]!r}",
            f"no photo has it; there are {', '.join(sorted(classes))}",
            "Choose one of these, or add --new-class",
        )
    sha256 = chosen[0][0]
    if not from_list and photos.labels[sha256] == {label}:
        raise ReviewError(
            f"photo {sha256[:SHOWN_ID]}",
            f"its label is {label} already",
            f"To confirm that: `dandelion images keep {sha256[:SHOWN_ID]} --reason …`",
        )
    _decide(store, "relabel", chosen, who, reason)


def drop(reason: Reason, photo: Photo = "", from_list: NoList = None, who: Who = "") -> None:
    """Leave photos out of all data sets from now on."""
    _require_one(photo, from_list, "ID")
    store = open_store(load_settings().store)
    photos = Photos.of(store)
    chosen = photos.find_all(read_list(from_list) if from_list else [photo])
    _decide(store, "drop", [(one, min(photos.labels[one])) for one in chosen], who, reason)


def keep(photo: Photo, reason: Reason, who: Who = "") -> None:
    """Confirm the label of a photo: it is no suspect any more."""
    store = open_store(load_settings().store)
    photos = Photos.of(store)
    sha256 = photos.find(photo)
    labels = photos.labels[sha256]
    if len(labels) > 1:
        raise ReviewError(
            f"photo {sha256[:SHOWN_ID]}",
            f"it came as {' and as '.join(sorted(labels))}",
            f"Say which is right: `dandelion images relabel {sha256[:SHOWN_ID]} LABEL --reason …`",
        )
    _decide(store, "keep", [(sha256, min(labels))], who, reason)


def reviews(as_json: AsJson = False) -> None:
    """All decisions, newest first."""
    store = open_store(load_settings().store)
    decided = log.reviews(store)[::-1]
    if as_json:
        typer.echo(json.dumps([review.model_dump() for review in decided], indent=2))
        return
    if not decided:
        words = f"In {store.url}, nothing has been decided yet"
        out.print(Text(f"{words}: dandelion images relabel|drop|keep"))
        return
    table = Table("#", "decision", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("photo", "label", "when (UTC)"):
        table.add_column(name, no_wrap=True)
    table.add_column("why (who)")
    for review in decided:
        when = review.when[:16].replace("T", " ")
        photo, why = review.sha256[:SHOWN_ID], f"{review.why} ({review.who})"
        cells = (str(review.number), review.decision, photo, review.label, when, why)
        table.add_row(*map(Text, cells))
    out.print(table)


def suspects(as_json: AsJson = False) -> None:
    """Photos of the last data set whose label may be wrong, the likeliest first."""
    store = open_store(load_settings().store)
    snapshots = store.list_objects(f"{layout.TABLES}dataset/")
    if not snapshots:
        raise ReviewError(
            "the suspects",
            f"there is no data set in {store.url} yet",
            "Make one: `make run IMAGES=folder`",
        )
    place = layout.split_snapshot_key(max(snapshots, key=lambda found: found.modified).key)
    rows = suspects_of(read_snapshot(store, *place)).to_pylist() if place else []
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        out.print("No label of the last data set looks wrong.")
        return
    table = Table("photo", "label", "suggested", "quality", "file", box=box.SIMPLE_HEAD)
    for row in rows:
        quality = f"{row['label_quality']:.3f}"
        cells = (row["sha256"][:SHOWN_ID], row["label"], row["suggested_label"], quality)
        table.add_row(*map(Text, (*cells, row["name"])))
    out.print(table)
    say("next", "dandelion images relabel|keep|drop ID … --reason …")


def accept_day(
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD, a day that its checks stopped.")],
    reason: Reason,
    who: Who = "",
) -> None:
    """Take a day in although its checks are against it."""
    settings = load_settings()
    store = open_store(settings.store)
    day = checked_day(day)
    if last_table(store, layout.table(RAW_IMAGES, day)) is None:
        raise ReviewError(
            f"the day {day}",
            "it has not been looked at yet, so nothing has stopped it",
            "Run `make run`, or materialise raw_images for it",
        )
    log.check_reason(reason)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    accept(store, Acceptance(day=day, who=who or me(), when=when, why=reason.strip()))
    say("accepted", f"{day}: {reason}")
    from dandelion_pipeline.cli.pipeline import Pipeline  # noqa: PLC0415  Dagster takes seconds

    with stopped_like_ctrl_c():
        Pipeline(settings).ingest(day)


def _decide(
    store: Store, decision: Decision, photos: list[tuple[str, str]], who: str, why: str
) -> None:
    decided = log.decide_all(store, decision, photos, who=who or me(), why=why)
    for review in decided[:_SHOWN]:
        say(decision, f"{review.sha256[:SHOWN_ID]} {review.label}, as review {review.number}")
    if len(decided) > _SHOWN:
        say(decision, f"and {len(decided) - _SHOWN} more: `dandelion images reviews` lists all")
    say("next", "the next training applies it: make run")


def _require_one(given: str, from_list: Path | None, arguments: str) -> None:
    if bool(given) == bool(from_list):
        raise ReviewError(
            "the photos",
            "none is named" if not given else "they are named twice",
            f"Give either {arguments} or --from-list FILE; {FIND_IDS[0].lower()}{FIND_IDS[1:]}",
        )
