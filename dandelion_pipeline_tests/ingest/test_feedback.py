"""What people say of answers is gathered by the day, once each, beside what the model said."""

from uuid import uuid4

import pyarrow as pa
import pytest

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.ingest.feedback import by_model, gather, waiting_feedback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.ingest.given_feedback import BEFORE, DAY, answer, say


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


def test_other_files_that_lie_there_are_nobodys_words(store: Store) -> None:
    say(store, DAY, "grass")
    for name in (f"{DAY}/notes.txt", f"{DAY}x/{'0' * 32}.json", "readme.txt"):
        store.put(f"{layout.FEEDBACK}{name}", b"anything")
    assert waiting_feedback(store) == [DAY]
    assert gather(store, DAY, None).num_rows == 1


def test_a_day_waits_until_all_that_was_said_is_in_its_table(store: Store) -> None:
    assert waiting_feedback(store) == []
    say(store, DAY, "grass")
    say(store, BEFORE, "grass")
    assert waiting_feedback(store) == [BEFORE, DAY]
    write_table(store, layout.table("feedback", DAY), gather(store, DAY, None))
    assert waiting_feedback(store) == [BEFORE]
    say(store, DAY, "grass")
    assert waiting_feedback(store) == [BEFORE, DAY]
