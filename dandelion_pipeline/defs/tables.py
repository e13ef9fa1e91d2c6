"""Metadata that people look at in rows and columns: Dagster's own tables, and figures as read.

Names from outside stand in cells as plain text, where nothing in them is Markdown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.release.manifest import ClassMetrics, SliceMetrics

DECIMALS = 4
"""Of every figure that is shown; the manifest, the tables and MLflow have all of them."""

SHOWN = 50
"""Rows of a list that may be long."""

_SHORT = 12  # digits of a hash by which commands find a photo

Cell = str | int | float | bool | None


def figure(value: float) -> float:
    """A figure as it is shown."""
    return round(float(value), DECIMALS)


def table(columns: Mapping[str, str], rows: Iterable[Sequence[Cell]]) -> dg.TableMetadataValue:
    """A table of metadata; floats are rounded.

    Args:
        columns: the type of each column, as Dagster shows it, by its name.
        rows: one cell a column.
    """
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(columns, map(_cell, row), strict=True))) for row in rows],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(name, type=kind) for name, kind in columns.items()]
        ),
    )


def column_schema(schema: pa.Schema) -> dg.TableSchema:
    """The columns of a table in the store, as Dagster's catalogue lists them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                type=str(field.type),
                constraints=dg.TableColumnConstraints(nullable=field.nullable),
            )
            for field in schema
        ]
    )


def counted(what: str, counts: Mapping[str, int]) -> dg.TableMetadataValue:
    """Photos by something: a reason, a label, a status."""
    return table({what: "string", "photos": "int"}, counts.items())


def facts(found: Mapping[str, Cell]) -> dg.TableMetadataValue:
    """What is known of one thing, a row each."""
    shown = (
        (name, value if isinstance(value, str) else f"{_cell(value)}")
        for name, value in found.items()
    )
    return table({"fact": "string", "value": "string"}, shown)


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> dg.TableMetadataValue:
    """Photos by class and split."""
    splits = list(next(iter(counts.values()), {}))
    return table(
        {"class": "string", **dict.fromkeys(splits, "int"), "all": "int"},
        [[label, *row.values(), sum(row.values())] for label, row in counts.items()],
    )


def per_class_table(classes: Mapping[str, ClassMetrics]) -> dg.TableMetadataValue:
    """How each class fared on the test split."""
    figures = ("precision", "recall", "f1")
    return table(
        {"class": "string", **dict.fromkeys(figures, "float"), "test photos": "int"},
        [[label, m.precision, m.recall, m.f1, m.support] for label, m in classes.items()],
    )


def slices_table(slices: Sequence[SliceMetrics]) -> dg.TableMetadataValue:
    """Accuracy by slice, with its interval."""
    return table(
        {
            "by": "string",
            "slice": "string",
            "photos": "int",
            "accuracy": "float",
            "95 % interval": "string",
        },
        [
            [row.by, row.name, row.photos, row.accuracy, interval(row.accuracy_interval)]
            for row in slices
        ],
    )


def interval(bounds: Sequence[float] | None) -> str:
    """Two shares as people read them; empty if there are none."""
    return "{:.1%} to {:.1%}".format(*bounds) if bounds else ""


def feedback_table(models: Mapping[str, Mapping[str, int]]) -> dg.TableMetadataValue:
    """How often each model was told that it is right or wrong."""
    words = ("right", "wrong", "unknown")
    return table(
        {"model": "string", **dict.fromkeys(words, "int")},
        [[version, *(of[word] for word in words)] for version, of in models.items()],
    )


def suspects_table(suspects: pa.Table) -> dg.TableMetadataValue:
    """Photos whose label may be wrong, the likeliest first, with what may be done.

    Args:
        suspects: what `labels.suspects.suspects` gives.
    """
    texts = dict.fromkeys(("photo", "file", "label", "suggested"), "string")
    return _listed(
        {**texts, "quality": "float"},
        suspects,
        lambda row: [
            row["sha256"][:_SHORT],
            row["name"],
            row["label"],
            row["suggested_label"],
            row["label_quality"],
        ],
    )


def conflicts_table(conflicts: pa.Table) -> dg.TableMetadataValue:
    """Photos that show the same picture under two labels, group by group.

    Args:
        conflicts: what `labels.conflicts.label_conflicts` gives.
    """
    texts = dict.fromkeys(("group", "photo", "file", "label"), "string")
    return _listed(
        {**texts, "left out: identical": "bool"},
        conflicts,
        lambda row: [
            row["group"][:_SHORT],
            row["sha256"][:_SHORT],
            row["name"],
            row["label"],
            row["identical"],
        ],
    )


def copies_table(pairs: pa.Table) -> dg.TableMetadataValue:
    """Rotated and cropped copies, and how each lies on the other.

    Args:
        pairs: what `copies.joined.pairs_among` gives.
    """
    figures = ("degrees rotated", "share of the photo in the copy", "share of the copy")
    return _listed(
        {"photo": "string", "copy": "string", **dict.fromkeys(figures, "float")},
        pairs,
        lambda row: [
            row["photo"][:_SHORT],
            row["other"][:_SHORT],
            -row["turned"],
            row["share"],
            row["share_of_other"],
        ],
    )


def _listed(columns: Mapping[str, str], found: pa.Table, cells: Any) -> dg.TableMetadataValue:  # noqa: ANN401  a row of any table
    """The first rows of a table, and a row that says how many there are more."""
    rows = [cells(row) for row in found.slice(0, SHOWN).to_pylist()]
    if found.num_rows > SHOWN:
        rows.append([f"and {found.num_rows - SHOWN} more", *[None] * (len(columns) - 1)])
    return table(columns, rows)


def _cell(value: Cell) -> Cell:
    return figure(value) if isinstance(value, float) else value
