"""Metadata that people look at: small pictures, as Markdown."""

import base64
from collections.abc import Sequence
from contextlib import suppress

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import ImageRefused, ObjectNotFound
from dandelion_pipeline.images.contact_sheet import COLUMNS, contact_sheet
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store


def picture(data: bytes, kind: str, description: str) -> dg.MarkdownMetadataValue:
    """A picture file inside the metadata itself, so that it needs no server."""
    encoded = base64.b64encode(data).decode()
    return dg.MetadataValue.md(f"![{description}](data:image/{kind};base64,{encoded})")


def photos_preview(store: Store, table: pa.Table, each: int = COLUMNS) -> dg.MarkdownMetadataValue:
    """Some photos of each label, spread over all of them, one row of tiles a label.

    Args:
        store: where the photos lie.
        table: columns ``sha256`` and ``label``.
        each: photos a label.
    """
    labels = sorted(table["label"].unique().to_pylist())
    chosen: list[str] = []
    for label in labels:
        of_label = table["sha256"].filter(pc.equal(table["label"], label))
        step = max(1, len(of_label) // each)
        chosen += of_label.take(pa.array(range(0, len(of_label), step)[:each])).to_pylist()
    photos = [decode(data).image for data in read_photos(store, chosen)]
    if not photos:
        return dg.MetadataValue.md("no photos")
    return picture(contact_sheet(photos), "jpeg", f"some photos of {', '.join(labels)}")


def landed_preview(store: Store, keys: Sequence[str]) -> dg.MarkdownMetadataValue:
    """The last of some photos that landed, as far as they are still there."""
    photos = []
    for key in keys[-COLUMNS:]:
        with suppress(ObjectNotFound, ImageRefused):
            photos.append(decode(store.get(key)).image)
    if not photos:
        return dg.MetadataValue.md("no photos")
    return picture(contact_sheet(photos), "jpeg", "photos that people gave")
