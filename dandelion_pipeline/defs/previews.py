"""Metadata that people look at: small pictures and tables, as Markdown."""

import base64
from collections.abc import Mapping, Sequence

import dagster as dg

from dandelion_pipeline.images.contact_sheet import COLUMNS, contact_sheet
from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.kept import read_kept
from dandelion_pipeline.storage.store import Store


def picture(data: bytes, kind: str, description: str) -> dg.MarkdownMetadataValue:
    """A picture file inside the metadata itself, so that it needs no server."""
    encoded = base64.b64encode(data).decode()
    return dg.MetadataValue.md(f"![{description}](data:image/{kind};base64,{encoded})")


def photos_preview(
    store: Store, rows: Sequence[Mapping[str, object]], each: int = COLUMNS
) -> dg.MarkdownMetadataValue:
    """Some photos of each label, spread over all of them, one row of tiles a label."""
    labels = sorted({str(row["label"]) for row in rows})
    chosen: list[str] = []
    for label in labels:
        of_label = [str(row["sha256"]) for row in rows if row["label"] == label]
        step = max(1, len(of_label) // each)
        chosen += of_label[::step][:each]
    photos = [decode(data).image for data in read_kept(store, chosen)]
    if not photos:
        return dg.MetadataValue.md("no photos")
    return picture(contact_sheet(photos), "jpeg", f"some photos of {', '.join(labels)}")


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> dg.MarkdownMetadataValue:
    """Photos by class and split."""
    splits = list(next(iter(counts.values()), {}))
    lines = [
        "| class | " + " | ".join(splits) + " | all |",
        "|---|" + "---:|" * (len(splits) + 1),
    ]
    for label, row in counts.items():
        numbers = [*row.values(), sum(row.values())]
        lines.append(f"| {label} | " + " | ".join(map(str, numbers)) + " |")
    return dg.MetadataValue.md("\n".join(lines))
