"""What people say of answers is gathered by the day, once each, beside what the model said."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.images.feedback import by_model, gather, waiting_feedback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.predictions import SCHEMA, write_predictions
from dandelion_pipeline.storage.sealed import seal
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import write_table
from serving.schemas import Feedback

DAY, BEFORE = "2025-05-02", "2025-05-01"


def say(store: Store, day: str, label: str, prediction: str = "", **said: Any) -> str:  # noqa: ANN401
    """As the API writes it. Returns the key."""
    document = Feedback(
        prediction_id=prediction or uuid4().hex,
        label=label,
        comment=said.get("comment", ""),
        model_version=said.get("model", "first"),
        photo=said.get("photo"),
    )
    key = layout.feedback(day, uuid4().hex)
    store.put(key, seal(document.model_dump_json(indent=2).encode()))
    return key


def answer(store: Store, day: str, label: str, confidence: float = 0.9) -> str:
    """A row of the prediction log. Returns the prediction's id."""
    name = uuid4().hex
    texts = ("model_version", "data_hash", "dagster_run", "mlflow_run", "photo_sha256", "format")
    row = {
        **dict.fromkeys(SCHEMA.names, 0),
        **dict.fromkeys((*texts, "request_id"), ""),
        "prediction_id": name,
        "when": datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC),
        "label": label,
        "confidence": confidence,
        "classes": [label],
        "probabilities": [confidence],
    }
    write_predictions(store, day, uuid4().hex, [row])
    return name


def told(table: pa.Table) -> list[tuple[str, str | None]]:
    return sorted(((row["said"], row["seen"]) for row in table.to_pylist()), key=str)


def test_what_was_said_stands_beside_what_the_model_saw(store: Store) -> None:
    say(store, DAY, "grass", answer(store, DAY, "dandelion", 0.7), comment="no flower")
    say(store, DAY, "grass", answer(store, BEFORE, "grass"), photo="landing/x/grass/1.jpg")
    say(store, DAY, "grass")
    say(store, BEFORE, "dandelion")
    table = gather(store, DAY, None)
    assert told(table) == [("grass", "dandelion"), ("grass", "grass"), ("grass", None)]
    (corrected,) = [row for row in table.to_pylist() if row["seen"] == "dandelion"]
    assert (corrected["confidence"], corrected["comment"]) == (0.7, "no flower")
    assert by_model(table) == {"first": {"right": 1, "wrong": 1, "unknown": 1}}


def test_an_answer_that_the_log_did_not_know_yet_is_looked_up_again(store: Store) -> None:
    name = uuid4().hex
    say(store, DAY, "grass", name)
    before = gather(store, DAY, None)
    assert told(before) == [("grass", None)]
    row = answer(store, DAY, "grass")
    say(store, DAY, "dandelion", row)
    assert told(gather(store, DAY, before)) == [("dandelion", "grass"), ("grass", None)]


def test_what_was_gathered_is_not_read_again(store: Store) -> None:
    key = say(store, DAY, "grass", answer(store, DAY, "grass"))
    before = gather(store, DAY, None)
    store.put(key, b"no longer what it was")
    assert gather(store, DAY, before) == before
    with pytest.raises(ObjectDamaged, match=r"seal is missing or broken"):
        gather(store, DAY, None)


def test_a_day_waits_until_all_that_was_said_is_in_its_table(store: Store) -> None:
    assert waiting_feedback(store) == []
    say(store, DAY, "grass")
    say(store, BEFORE, "grass")
    assert waiting_feedback(store) == [BEFORE, DAY]
    write_table(store, layout.table("feedback", DAY), gather(store, DAY, None))
    assert waiting_feedback(store) == [BEFORE]
    say(store, DAY, "grass")
    assert waiting_feedback(store) == [BEFORE, DAY]
