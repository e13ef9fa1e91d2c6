"""Answers and what people say of them, as the API writes both."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.predictions import SCHEMA, write_predictions
from dandelion_pipeline.storage.records.sealed import seal
from serving.api.schemas import Feedback

DAY, BEFORE = "2025-05-02", "2025-05-01"


def say(store: Store, day: str, label: str, prediction: str = "", **said: Any) -> str:  # noqa: ANN401
    """Say what a photo shows. Returns the key."""
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
        **dict.fromkeys(("sure", "outside", "novelty")),
        "prediction_id": name,
        "when": datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC),
        "label": label,
        "confidence": confidence,
        "classes": [label],
        "probabilities": [confidence],
    }
    write_predictions(store, day, uuid4().hex, [row])
    return name
