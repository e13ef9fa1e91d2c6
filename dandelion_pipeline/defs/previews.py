"""Metadata that people look at: small pictures and tables, as Markdown."""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import ImageRefused, ObjectNotFound
from dandelion_pipeline.images.contact_sheet import COLUMNS, contact_sheet
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.release.manifest import SliceMetrics
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


def feedback_table(models: Mapping[str, Mapping[str, int]]) -> dg.MarkdownMetadataValue:
    """How often each model was told that it is right or wrong."""
    lines = ["| model | right | wrong | unknown |", "|---|---:|---:|---:|"]
    for version, of in models.items():
        lines.append(f"| {_plain(version)} | {of['right']} | {of['wrong']} | {of['unknown']} |")
    return dg.MetadataValue.md("\n".join(lines) if models else "none")


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> dg.MarkdownMetadataValue:
    """Photos by class and split."""
    splits = list(next(iter(counts.values()), {}))
    lines = [
        "| class | " + " | ".join(splits) + " | all |",
        "|---|" + "---:|" * (len(splits) + 1),
    ]
    for label, row in counts.items():
        numbers = [*row.values(), sum(row.values())]
        lines.append(f"| {_plain(label)} | " + " | ".join(map(str, numbers)) + " |")
    return dg.MetadataValue.md("\n".join(lines))


def suspects_table(suspects: pa.Table) -> dg.MarkdownMetadataValue:
    """Photos whose label may be wrong, the likeliest first, with what may be done.

    Args:
        suspects: what `labels.suspects.suspects` gives.
    """
    lines = [
        "| photo | file | label | suggested | quality |",
        "|---|---|---|---|---:|",
        *(
            f"| `{row['sha256'][:12]}` | {_plain(row['name'])} | {_plain(row['label'])} "
            f"| {_plain(row['suggested_label'])} | {row['label_quality']:.3f} |"
            for row in suspects.slice(0, _SUSPECTS_SHOWN).to_pylist()
        ),
    ]
    if suspects.num_rows > _SUSPECTS_SHOWN:
        lines.append(f"\nand {suspects.num_rows - _SUSPECTS_SHOWN} more")
    if not suspects.num_rows:
        return dg.MetadataValue.md("none")
    return dg.MetadataValue.md("\n".join(lines))


def conflicts_table(conflicts: pa.Table) -> dg.MarkdownMetadataValue:
    """Photos that show the same picture under two labels, group by group.

    Args:
        conflicts: what `labels.conflicts.label_conflicts` gives.
    """
    lines = [
        "| group | photo | file | label | |",
        "|---|---|---|---|---|",
        *(
            f"| `{row['group'][:12]}` | `{row['sha256'][:12]}` | {_plain(row['name'])} "
            f"| {_plain(row['label'])} | {'left out: identical' if row['identical'] else ''} |"
            for row in conflicts.slice(0, _CONFLICTS_SHOWN).to_pylist()
        ),
    ]
    if conflicts.num_rows > _CONFLICTS_SHOWN:
        lines.append(f"\nand {conflicts.num_rows - _CONFLICTS_SHOWN} more")
    return dg.MetadataValue.md("\n".join(lines) if conflicts.num_rows else "none")


def copies_table(pairs: pa.Table) -> dg.MarkdownMetadataValue:
    """Rotated and cropped copies, and how each lies on the other.

    Args:
        pairs: what `copies.joined.pairs_among` gives.
    """
    lines = [
        "| photo | copy | rotated by | of the photo in the copy | of the copy in the photo |",
        "|---|---|---:|---:|---:|",
        *(
            f"| `{row['photo'][:12]}` | `{row['other'][:12]}` | {-row['turned']:.1f}° "
            f"| {row['share']:.0%} | {row['share_of_other']:.0%} |"
            for row in pairs.slice(0, _COPIES_SHOWN).to_pylist()
        ),
    ]
    if pairs.num_rows > _COPIES_SHOWN:
        lines.append(f"\nand {pairs.num_rows - _COPIES_SHOWN} more")
    return dg.MetadataValue.md("\n".join(lines) if pairs.num_rows else "none")


def slices_table(slices: Sequence[SliceMetrics]) -> dg.MarkdownMetadataValue:
    """Accuracy by slice, with its interval."""
    lines = [
        "| by | slice | photos | accuracy | 95 % interval |",
        "|---|---|---:|---:|---|",
        *(
            f"| {row.by} | {_plain(row.name)} | {row.photos} | {row.accuracy:.1%} "
            f"| {_interval(row)} |"
            for row in slices
        ),
    ]
    return dg.MetadataValue.md("\n".join(lines) if slices else "none")


def _interval(row: SliceMetrics) -> str:
    return "{:.1%} to {:.1%}".format(*row.accuracy_interval) if row.accuracy_interval else ""


def _plain(text: str) -> str:
    """A name from outside, as text: nothing in it is Markdown."""
    return "`" + text.replace("`", "'").replace("|", "/") + "`"


_SUSPECTS_SHOWN = 50
_CONFLICTS_SHOWN = 50
_COPIES_SHOWN = 50
