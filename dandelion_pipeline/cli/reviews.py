"""`dandelion images relabel|drop|keep|reviews|accept`: what people decide about photos."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.decisions import AsJson, Reason, Who, me
from dandelion_pipeline.cli.images import checked_day
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.images import reviews as log
from dandelion_pipeline.images.acceptance import Acceptance, accept
from dandelion_pipeline.images.clean import CLEAN_IMAGES
from dandelion_pipeline.images.intake import RAW_IMAGES
from dandelion_pipeline.images.reviews import Decision
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import last_table, read_snapshot, read_table
from dandelion_pipeline.training.dataset import suspects_of

SHORTEST_ID = 8
_SHOWN_ID = 12

Photo = Annotated[
    str, typer.Argument(metavar="ID", help="The SHA-256, or the first 8 digits or more.")
]


def relabel(
    photo: Photo,
    label: Annotated[str, typer.Argument(help="The label that is right.")],
    reason: Reason,
    new_class: Annotated[
        bool, typer.Option("--new-class", help="There are no photos of this class yet.")
    ] = False,
    who: Who = "",
) -> None:
    """Give a photo another label, whatever folder it came in."""
    store = open_store(load_settings().store)
    photos = _labels(store)
    sha256 = _found(photos, photo)
    classes = {name for labels in photos.values() for name in labels}
    if label not in classes and not new_class:
        raise ReviewError(
            f"the label {label!r}",
            f"no photo has it; there are {', '.join(sorted(classes))}",
            "Choose one of these, or add --new-class",
        )
    if photos[sha256] == {label}:
        raise ReviewError(
            f"photo {sha256[:_SHOWN_ID]}",
            f"its label is {label} already",
            f"To confirm that: `dandelion images keep {sha256[:_SHOWN_ID]} --reason …`",
        )
    _decide(store, "relabel", sha256, label, who, reason)


def drop(photo: Photo, reason: Reason, who: Who = "") -> None:
    """Leave a photo out of all data sets from now on."""
    store = open_store(load_settings().store)
    photos = _labels(store)
    sha256 = _found(photos, photo)
    _decide(store, "drop", sha256, min(photos[sha256]), who, reason)


def keep(photo: Photo, reason: Reason, who: Who = "") -> None:
    """Confirm the label of a photo: it is no suspect any more."""
    store = open_store(load_settings().store)
    photos = _labels(store)
    sha256 = _found(photos, photo)
    if len(photos[sha256]) > 1:
        raise ReviewError(
            f"photo {sha256[:_SHOWN_ID]}",
            f"it came as {' and as '.join(sorted(photos[sha256]))}",
            f"Say which is right: `dandelion images relabel {sha256[:_SHOWN_ID]} LABEL --reason …`",
        )
    _decide(store, "keep", sha256, min(photos[sha256]), who, reason)


def reviews(as_json: AsJson = False) -> None:
    """All decisions, newest first."""
    decided = log.reviews(open_store(load_settings().store))[::-1]
    if as_json:
        typer.echo(json.dumps([review.model_dump() for review in decided], indent=2))
        return
    if not decided:
        out.print("Nothing has been decided yet: dandelion images relabel|drop|keep")
        return
    table = Table("#", "decision", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("photo", "label", "when (UTC)"):
        table.add_column(name, no_wrap=True)
    table.add_column("why (who)")
    for review in decided:
        when = review.when[:16].replace("T", " ")
        photo, why = review.sha256[:_SHOWN_ID], f"{review.why} ({review.who})"
        cells = (str(review.number), review.decision, photo, review.label, when, why)
        table.add_row(*map(Text, cells))
    out.print(table)


def suspects(as_json: AsJson = False) -> None:
    """Photos of the last data set whose label may be wrong, the likeliest first."""
    store = open_store(load_settings().store)
    snapshots = store.list_objects(f"{layout.TABLES}dataset/")
    if not snapshots:
        raise ReviewError(
            "the suspects", "there is no data set yet", "Make one: `make run IMAGES=folder`"
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
        cells = (row["sha256"][:_SHOWN_ID], row["label"], row["suggested_label"], quality)
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

    Pipeline(settings).ingest(day)


def _decide(store: Store, decision: Decision, sha256: str, label: str, who: str, why: str) -> None:
    review = log.decide(store, decision, sha256, label, who=who or me(), why=why)
    say(decision, f"{sha256[:_SHOWN_ID]} {label}, as review {review.number}")
    say("next", "the next training applies it: make run")


def _labels(store: Store) -> dict[str, set[str]]:
    """The labels that each photo has now, by its SHA-256."""
    by_photo = log.latest(log.reviews(store))
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for found in store.list_objects(f"{layout.TABLES}{CLEAN_IMAGES}/"):
        photos = log.apply(read_table(store, found.key), by_photo)
        columns = (photos[name].to_pylist() for name in ("sha256", "label"))
        for sha256, label in zip(*columns, strict=True):
            labels[sha256].add(label)
    return dict(labels)


def _found(photos: dict[str, set[str]], wanted: str) -> str:
    """The one photo whose SHA-256 begins like that."""
    found = sorted(sha256 for sha256 in photos if sha256.startswith(wanted.lower()))
    if len(wanted) < SHORTEST_ID or len(found) > 1:
        raise ReviewError(
            f"photo {wanted!r}",
            f"that is too short; {len(found)} photos begin like that",
            f"Give {SHORTEST_ID} digits of the SHA-256 or more",
        )
    if not found:
        raise ReviewError(
            f"photo {wanted!r}",
            f"none of the {len(photos)} photos that were taken in has a SHA-256 like that",
            "Copy the id from the data report, or from the table of clean_images",
        )
    return found[0]
