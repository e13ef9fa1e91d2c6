"""Answers, and what steps printed, go by their age where a setting says so."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.predictions import SCHEMA, write_predictions
from dandelion_pipeline.storage.retention import day_before, delete_predictions, delete_step_output

OLD, NEW = "2025-05-01", "2025-05-02"


def row(sha256: str) -> dict[str, Any]:
    filled = {field.name: None if field.nullable else "" for field in SCHEMA}
    numbers = dict.fromkeys(("width", "height", "bytes", "batch", "confidence"), 1)
    times = dict.fromkeys(("decode_ms", "queue_ms", "infer_ms"), 1.0)
    lists: dict[str, Any] = {"classes": [], "probabilities": []}
    when = {"when": datetime(2025, 5, 1, tzinfo=UTC), "photo_sha256": sha256}
    return {**filled, **numbers, **times, **lists, **when}


def test_answers_of_old_days_go_with_the_photos_that_no_younger_one_names(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    once, again = "a" * 64, "b" * 64
    write_predictions(store, OLD, "one", [row(once), row(again)])
    write_predictions(store, NEW, "two", [row(again)])
    for sha256 in (once, again):
        store.put(layout.answered_photo(sha256), b"photo")
        os.utime(tmp_path / layout.answered_photo(sha256), (0, 0))
    old_table = store.look_up(layout.predictions(OLD, "one"))
    assert old_table
    gone = delete_predictions(store, NEW)
    assert (gone.objects, gone.bytes) == (2, old_table.size + 5)
    left = {found.key for found in store.list_objects(layout.PREDICTIONS)}
    assert left == {layout.predictions(NEW, "two"), layout.answered_photo(again)}


def test_what_steps_printed_goes_by_when_it_was_written(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    for name in ("old", "new"):
        store.put(f"{layout.STEP_OUTPUT}storage/{name}/compute_logs/x.out", b"printed")
    os.utime(tmp_path / f"{layout.STEP_OUTPUT}storage/old/compute_logs/x.out", (0, 0))
    gone = delete_step_output(store, day_before(30))
    assert (gone.objects, gone.bytes) == (1, 7)
    assert [o.key for o in store.list_objects(layout.STEP_OUTPUT)] == [
        f"{layout.STEP_OUTPUT}storage/new/compute_logs/x.out"
    ]


def test_so_many_days_before_today_are_kept() -> None:
    assert day_before(1) == f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
