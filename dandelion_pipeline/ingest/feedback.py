"""What people said of the API's answers, day by day, beside what the model had said."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.predictions import read_predictions
from dandelion_pipeline.storage.records.sealed import unseal
from dandelion_pipeline.storage.records.tables import last_table

FEEDBACK = "feedback"

FEEDBACK_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("said", pa.string(), nullable=False),
        pa.field("seen", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("comment", pa.string(), nullable=False),
        pa.field("photo", pa.string()),
    ]
)
"""A row for each time that somebody said what a photo shows. ``seen`` and ``confidence`` are the
model's, null where the prediction log does not know the answer; ``photo`` is the key that the
photo landed under, null without consent."""


def gather(store: Store, day: str, before: pa.Table | None) -> pa.Table:
    """All that was said on a day.

    Args:
        store: the store.
        day: ``YYYY-MM-DD``, UTC.
        before: the day's table as it was; what is in it is not read again, but for answers that
            the prediction log did not know yet.

    Returns:
        A table of `FEEDBACK_SCHEMA`, by key.

    Raises:
        ObjectDamaged: a document, or a table of the log, is not as it was written.
    """
    known = {row["key"]: row for row in before.to_pylist()} if before is not None else {}
    found = store.list_objects(layout.feedback_day(day))
    keys = [one.key for one in found if layout.said_on(one.key)]
    new = [key for key in keys if key not in known]
    rows = known | {key: _row(store, day, key, data) for key, data in store.get_many(new)}
    asked = {row["prediction_id"] for row in rows.values() if row["seen"] is None}
    answers = _answers(store, day, asked) if asked else {}
    for row in rows.values():
        label, confidence = answers.get(row["prediction_id"], (row["seen"], row["confidence"]))
        row["seen"], row["confidence"] = label, confidence
    return pa.Table.from_pylist([rows[key] for key in sorted(keys)], FEEDBACK_SCHEMA)


def waiting_feedback(store: Store) -> list[str]:
    """Days of which something was said that is in no table yet."""
    days = (layout.said_on(found.key) for found in store.list_objects(layout.FEEDBACK))
    said = Counter(day for day in days if day is not None)
    return [day for day, number in said.items() if _gathered(store, day) != number]


def by_model(table: pa.Table) -> dict[str, dict[str, int]]:
    """For each model: how often it was told that it was right, wrong, or cannot be known."""
    found: dict[str, dict[str, int]] = {}
    for row in table.select(["model_version", "said", "seen"]).to_pylist():
        counts = found.setdefault(row["model_version"], {"right": 0, "wrong": 0, "unknown": 0})
        if row["seen"] is None:
            counts["unknown"] += 1
        else:
            counts["right" if row["seen"] == row["said"] else "wrong"] += 1
    return found


def _gathered(store: Store, day: str) -> int:
    table = last_table(store, layout.table(FEEDBACK, day))
    return table.num_rows if table is not None else 0


def _row(store: Store, day: str, key: str, data: bytes) -> dict[str, Any]:
    document = unseal(data)
    if document is None:
        raise ObjectDamaged(
            f"the feedback {store.address(key)}",
            "its seal is missing or broken: it is not as it was written",
            "Restore it from a backup or from the bucket's versions, or delete it",
        )
    said: Mapping[str, Any] = json.loads(document)
    return {
        "key": key,
        "day": day,
        "prediction_id": said["prediction_id"],
        "said": said["label"],
        "seen": None,
        "confidence": None,
        "model_version": said["model_version"],
        "comment": said["comment"],
        "photo": said["photo"],
    }


def _answers(store: Store, day: str, asked: Iterable[str]) -> dict[str, tuple[str, float]]:
    """What the model saw and how sure it was, by the prediction's id, as far as the log knows."""
    wanted = pa.array(asked, pa.string())
    found: dict[str, tuple[str, float]] = {}
    for logged in _and_the_day_before(day):
        table = read_predictions(store, logged).select(["prediction_id", "label", "confidence"])
        rows = table.filter(pc.is_in(table["prediction_id"], wanted)).to_pylist()
        found |= {row["prediction_id"]: (row["label"], row["confidence"]) for row in rows}
    return found


def _and_the_day_before(day: str) -> Iterator[str]:
    """People may take until after midnight to answer."""
    yield day
    yield (date.fromisoformat(day) - timedelta(days=1)).isoformat()
