import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import (
    Orphan,
    abandoned_trainings,
    damaged_tables,
    older_than,
    remove,
    unfinished_writes,
)
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.records.tables import read_table, write_snapshot, write_table

TABLE = pa.table({"sha256": [f"{number:064d}" for number in range(500)]})


def orphan(store: Store, key: str, needed_if: str | None = None) -> Orphan:
    store.put(key, b"nobody needs it")
    return Orphan(key, "a test", (found(store, key),), needed_if)


def found(store: Store, key: str) -> StoredObject:
    there = store.look_up(key)
    assert there is not None
    return there


def test_an_orphan_is_removed(store: Store) -> None:
    first, second = orphan(store, "images/aa/a"), orphan(store, "images/bb/b")
    assert list(remove(store, [first, second])) == [(first, True), (second, True)]
    assert store.list_objects("") == []


def test_an_orphan_that_was_written_again_stays(store: Store) -> None:
    listed = orphan(store, "images/aa/a")
    store.put("images/aa/a", b"somebody needs it now")
    assert list(remove(store, [listed])) == [(listed, False)]
    assert store.exists("images/aa/a")


def test_an_orphan_that_came_to_be_needed_stays(store: Store) -> None:
    listed = orphan(store, "models/v1/model.onnx", needed_if="models/v1/manifest.json")
    store.put("models/v1/manifest.json", b"{}")
    assert list(remove(store, [listed])) == [(listed, False)]
    assert store.exists("models/v1/model.onnx")


def test_an_orphan_that_somebody_else_removed_is_gone(store: Store) -> None:
    listed = orphan(store, "images/aa/a")
    store.delete("images/aa/a")
    assert list(remove(store, [listed])) == [(listed, True)]


def test_only_what_is_older_than_the_grace_period_is_old() -> None:
    now = datetime.now(UTC)
    old, new = (StoredObject("k", 1, now - timedelta(hours=hours)) for hours in (3, 1))
    both = Orphan("both", "", (old, new))  # as young as its youngest part
    alone = Orphan("alone", "", (old,))
    assert older_than([both, alone], timedelta(hours=2)) == [alone]


def test_a_write_that_was_killed_is_found_and_removed(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    store.put("images/aa/a", b"whole")
    half = tmp_path / "store" / "images" / "aa" / "a#1"
    half.write_bytes(b"wh")
    os.utime(half, (0, 0))
    (unfinished,) = unfinished_writes(store)
    assert (unfinished.name, unfinished.size) == ("images/aa/a#1", 2)
    assert older_than([unfinished], timedelta(days=7)) == [unfinished]
    assert list(remove(store, [unfinished])) == [(unfinished, True)]
    assert not half.exists()
    assert store.get("images/aa/a") == b"whole"


def test_s3_has_no_unfinished_writes(s3_url: str) -> None:
    assert unfinished_writes(open_store(s3_url)) == []


@pytest.mark.parametrize("kind", ["partition", "snapshot"])
def test_a_damaged_table_is_found(store: Store, kind: str) -> None:
    if kind == "snapshot":
        key = layout.table("dataset", write_snapshot(store, "dataset", TABLE))
    else:
        key = layout.table("raw_images", "2025-05-01")
        write_table(store, key, TABLE)
    assert list(damaged_tables(store)) == [None]
    whole = store.get(key)
    store.put(key, whole[:200] + bytes([whole[200] ^ 4]) + whole[201:])
    (damage,) = damaged_tables(store)
    assert damage is not None
    assert damage.name == key
    assert "not as it was written" in damage.why


def test_a_listing_that_knows_fractions_of_a_second_is_the_same_object(store: Store) -> None:
    """As MinIO's: a listing has milliseconds, and a look at one object whole seconds."""
    listed = orphan(store, "images/aa/a")
    (there,) = listed.objects
    finer = replace(there, modified=there.modified.replace(microsecond=123_000))
    assert list(remove(store, [replace(listed, objects=(finer,))])) == [
        (replace(listed, objects=(finer,)), True)
    ]


def test_what_people_dropped_is_left_alone_whatever_its_name(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    landing = tmp_path / "store" / "landing" / "2025-05-01"
    (landing / "dandelion #1").mkdir(parents=True)
    (landing / "grass").mkdir()
    (landing / "grass" / "lawn #2").write_bytes(b"a photo")
    (tmp_path / "store" / "images" / "folder #3").mkdir(parents=True)
    assert unfinished_writes(store) == []


def test_every_flip_in_a_days_table_is_found(tmp_path: Path) -> None:
    """Parquet's footer has no checksum: a column or a type may change its name unnoticed."""
    store = open_store((tmp_path / "store").as_uri())
    key = layout.table("raw_images", "2025-05-01")
    write_table(store, key, pa.table({"sha256": ["a", "b"], "size": [1, 2]}))
    whole = store.get(key)
    unharmed = 0
    for at in range(len(whole)):
        store.put(key, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        (damage,) = damaged_tables(store)
        if damage is None:
            unharmed += 1
            assert read_table(store, key) == pa.table({"sha256": ["a", "b"], "size": [1, 2]})
    assert unharmed < len(whole) / 2


def test_a_checkpoint_is_an_orphan_once_nobody_writes_it_any_more(store: Store) -> None:
    store.put(layout.checkpoint("a" * 64), b"weights")
    (abandoned,) = abandoned_trainings(store)
    assert abandoned.name == layout.checkpoint("a" * 64)
    assert older_than([abandoned], timedelta(hours=1)) == []
    assert list(remove(store, [abandoned])) == [(abandoned, True)]
    assert abandoned_trainings(store) == []
