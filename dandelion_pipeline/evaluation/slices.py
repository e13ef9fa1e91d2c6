"""How a model fares on parts of the test split: dark photos, small ones, those of one day."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.release.manifest import SliceMetrics
from dandelion_pipeline.statistics.intervals import wilson_interval
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table

SMALLEST_SLICE = 10
"""Photos of a slice that is reported: of fewer, the interval spans half of all there is."""

_MOST_DAYS = 12
_DAY_MONTH_YEAR = (10, 7, 4)
_MEASURED = ("brightness", "width", "height", "format", "is_sample")
FACTS = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("day", pa.string()),
        pa.field("brightness", pa.float32()),
        pa.field("shorter_side", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("is_sample", pa.bool_()),
    ]
)
"""What photos are called and sliced by; null where it is not known."""

Mask = npt.NDArray[np.bool_]


def with_facts(store: Store, rows: pa.Table) -> pa.Table:
    """Add to photos what `clean_images` measured of them; what an older version did not is null.

    Args:
        store: where its tables lie.
        rows: columns ``sha256``, ``name`` and ``day``, and any others.

    Returns:
        The rows, in their order, with the columns of `FACTS` that they lack.
    """
    known: dict[str, Mapping[str, Any]] = {}
    there = {found.key for found in store.list_objects(f"{layout.TABLES}{CLEAN_IMAGES}/")}
    for day in pc.unique(rows["day"]).to_pylist():
        key = layout.table(CLEAN_IMAGES, day)
        if key not in there:
            continue
        table = read_table(store, key)
        wanted = table.filter(pc.is_in(table["sha256"], rows["sha256"].combine_chunks()))
        columns = [name for name in ("sha256", *_MEASURED) if name in table.column_names]
        known |= {row["sha256"]: row for row in wanted.select(columns).to_pylist()}
    measured = pa.Table.from_pylist(
        [_fact(known.get(sha256)) for sha256 in rows["sha256"].to_pylist()], schema=FACTS
    )
    for name in FACTS.names:
        if name not in rows.column_names:
            rows = rows.append_column(name, measured[name])
    return rows


def _fact(measured: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if measured is None:
        return {}
    return {**measured, "shorter_side": min(measured["width"], measured["height"])}


def slices(predictions: pa.Table) -> list[SliceMetrics]:
    """Accuracy by brightness, size, format, origin and day.

    Numbers are cut into thirds of the test photos; a fact that is the same for all photos makes
    no slice. Slices under `SMALLEST_SLICE` photos are left out.

    Args:
        predictions: as made by `metrics.prediction_table`, with the columns of `FACTS`.
    """
    right = pc.equal(predictions["label"], predictions["predicted"]).to_numpy()
    origin = pc.if_else(predictions["is_sample"], "generated", "photographed")
    cuts = {
        "brightness": _thirds(predictions["brightness"]),
        "shorter side": _thirds(predictions["shorter_side"]),
        "format": _values(predictions["format"].to_pylist()),
        "origin": _values(origin.to_pylist()),
        "day": _days(predictions["day"].to_pylist()),
    }
    return [
        _measured(by, name, right[inside])
        for by, parts in cuts.items()
        for name, inside in parts.items()
        if len(parts) > 1 and inside.sum() >= SMALLEST_SLICE
    ]


def _measured(by: str, name: str, right: Mask) -> SliceMetrics:
    hits, photos = int(right.sum()), len(right)
    return SliceMetrics(
        by=by,
        name=name,
        photos=photos,
        accuracy=hits / photos,
        accuracy_interval=wilson_interval(hits, photos),
    )


def _thirds(column: pa.ChunkedArray) -> Mapping[str, Mask]:
    """Parts of about as many photos each, by whole numbers, in their order."""
    values = column.cast(pa.float64()).to_numpy()
    known = ~np.isnan(values)
    if not known.any():
        return {}
    low, high = np.quantile(values[known], (1 / 3, 2 / 3)).round().astype(int).tolist()
    parts = {
        f"under {low}": values < low,
        f"{low} to {high}": (low <= values) & (values < high),
        f"{high} and over": values >= high,
    }
    return {name: inside for name, inside in parts.items() if inside.any()}


def _values(names: Sequence[str | None]) -> Mapping[str, Mask]:
    there = np.array(names, dtype=object)
    return {name: there == name for name in sorted({n for n in names if n is not None})}


def _days(days: Sequence[str | None]) -> Mapping[str, Mask]:
    """By day, or where these are too many to read by month, or by year."""
    by_length = (_values([day and day[:length] for day in days]) for length in _DAY_MONTH_YEAR)
    return next((parts for parts in by_length if len(parts) <= _MOST_DAYS), {})
