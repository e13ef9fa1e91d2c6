"""What was answered, as Parquet tables: one or more a day, each from one process of the API."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_tables, write_table

_TEXT = ("model_version", "data_hash", "dagster_run", "mlflow_run", "photo_sha256", "format")
_NUMBERS = ("width", "height", "bytes", "batch")
_TIMES = ("decode_ms", "queue_ms", "infer_ms")

SCHEMA = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("when", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("classes", pa.list_(pa.string()), nullable=False),
        pa.field("probabilities", pa.list_(pa.float64()), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXT),
        *(pa.field(name, pa.int32(), nullable=False) for name in _NUMBERS),
        *(pa.field(name, pa.float32(), nullable=False) for name in _TIMES),
        pa.field("sure", pa.bool_()),
        pa.field("outside", pa.bool_()),
        pa.field("novelty", pa.float64()),
    ]
)
"""A row for each photo that was answered; ``probabilities`` are in the order of ``classes``.

The last three are null in older rows, and where the model could not tell."""


def write_predictions(
    store: Store, day: str, segment: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write what a segment of the journal holds of one day. Doing it twice is fine.

    Args:
        store: where to.
        day: ``YYYY-MM-DD``, UTC.
        segment: the name of the segment, unique for all time.
        rows: as in `SCHEMA`.
    """
    write_table(store, layout.predictions(day, segment), pa.Table.from_pylist(rows, SCHEMA))


def read_predictions(store: Store, day: str) -> pa.Table:
    """All that was answered on a day, in order of time.

    Raises:
        ObjectDamaged: a table is not as it was written.
    """
    keys = sorted(found.key for found in store.list_objects(layout.predictions_day(day)))
    if not keys:
        return SCHEMA.empty_table()
    return read_tables(store, keys).sort_by([("when", "ascending")])
