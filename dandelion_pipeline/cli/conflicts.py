"""`dandelion images conflicts`: photos that are alike, or the same, under different labels."""

import json
from collections import defaultdict

import pyarrow as pa
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.decisions import AsJson
from dandelion_pipeline.cli.photo_choice import SHOWN_ID
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.training.photos import all_photos

_COLUMNS = ["group", "sha256", "label", "name", "day"]


def conflicts(as_json: AsJson = False) -> None:
    """Groups of near-duplicates with more than one label: their photos, and how to decide."""
    rows = _conflicts(all_photos(open_store(load_settings().store)))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        out.print("No photos that are alike have different labels.")
        return
    table = Table("group", "photo", "label", "file", "day", box=box.SIMPLE_HEAD, pad_edge=False)
    previous = ""
    for row in rows:
        if previous and row["group"] != previous:
            table.add_section()
        group = "" if row["group"] == previous else row["group"][:SHOWN_ID]
        previous = row["group"]
        cells = (group, row["sha256"][:SHOWN_ID], row["label"], row["name"], row["day"])
        table.add_row(*map(Text, cells))
    out.print(table)
    groups = len({row["group"] for row in rows})
    say("conflicts", f"{len(rows)} photos in {groups} groups")
    say("next", "dandelion images relabel ID LABEL --reason …, or drop ID --reason …")
    say("", "many at once: dandelion images relabel --from-list FILE.csv, drop --from-list FILE")


def _conflicts(photos: pa.Table) -> list[dict[str, str]]:
    """The kept photos of all groups that have two labels, by group."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    rows = [row for row in photos.select([*_COLUMNS, "keep"]).to_pylist() if row.pop("keep")]
    for row in rows:
        labels[row["group"]].add(row["label"])
    found = [row for row in rows if len(labels[row["group"]]) > 1]
    return sorted(found, key=lambda row: (row["group"], row["label"], row["name"]))
