"""`dandelion images conflicts`: photos that are alike, or the same, under different labels."""

import json

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.images.decisions import AsJson
from dandelion_pipeline.cli.images.photo_choice import SHOWN_ID
from dandelion_pipeline.cli.report import out, say
from dandelion_pipeline.dataset.labels.conflicts import label_conflicts
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store


def conflicts(as_json: AsJson = False) -> None:
    """Groups of near-duplicates with more than one label: their photos, and how to decide."""
    store = open_store(load_settings().store)
    rows = label_conflicts(all_photos(store)).to_pylist()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        out.print(Text(f"In {store.url}, no photos that are alike have different labels."))
        return
    table = Table("group", "photo", "label", "file", "day", "", box=box.SIMPLE_HEAD, pad_edge=False)
    previous = ""
    for row in rows:
        if previous and row["group"] != previous:
            table.add_section()
        group = "" if row["group"] == previous else row["group"][:SHOWN_ID]
        previous = row["group"]
        what = "the same picture" if row["identical"] else "a near-duplicate"
        cells = (group, row["sha256"][:SHOWN_ID], row["label"], row["name"], row["day"], what)
        table.add_row(*map(Text, cells))
    out.print(table)
    groups = len({row["group"] for row in rows})
    say("conflicts", f"{len(rows)} photos in {groups} groups")
    say("next", "dandelion images relabel ID LABEL --reason …, or drop ID --reason …")
    say("", "many at once: dandelion images relabel --from-list FILE.csv, drop --from-list FILE")
