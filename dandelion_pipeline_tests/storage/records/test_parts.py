from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import abandoned_steps, older_than
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records import parts
from dandelion_pipeline.storage.records.parts import Parts, in_parts
from dandelion_pipeline.storage.records.tables import write_table

DAY = "2025-05-01"
SCHEMA = pa.schema([pa.field("sha256", pa.string(), nullable=False)])


def rows(*hashes: str) -> pa.Table:
    return pa.table([hashes], schema=SCHEMA)


def begun(store: Store) -> Parts:
    return Parts(store, "a-step", DAY, SCHEMA)


def keys(store: Store) -> list[str]:
    return [found.key for found in store.list_objects(layout.PARTS)]


def test_what_a_step_has_done_is_taken_over_whole_and_removed_at_its_end(store: Store) -> None:
    assert begun(store).take_over().num_rows == 0
    begun(store).add(rows("a", "b"))
    begun(store).add(rows("c"))
    Parts(store, "a-step", "2025-05-02", SCHEMA).add(rows("other"))
    assert sorted(begun(store).take_over()["sha256"].to_pylist()) == ["a", "b", "c"]
    assert len(keys(store)) == 2  # one for each day
    assert sorted(begun(store).take_over()["sha256"].to_pylist()) == ["a", "b", "c"]
    begun(store).remove()
    assert len(keys(store)) == 1


def test_a_damaged_part_and_one_of_another_release_are_done_again(store: Store) -> None:
    begun(store).add(rows("a"))
    begun(store).add(rows("b"))
    store.put(keys(store)[0], b"damaged")
    assert begun(store).take_over().num_rows == 1
    key = f"{layout.parts('a-step', DAY)}older.parquet"
    write_table(store, key, pa.table({"name": ["x"]}))
    assert begun(store).take_over().num_rows == 1


def test_nothing_is_taken_over_of_which_somebody_removes_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else `dandelion store gc` could remove what it named, while nothing names it."""
    store = open_store(tmp_path.as_uri())
    begun(store).add(rows("a"))
    begun(store).add(rows("b"))
    add = Parts.add

    def add_while_one_is_removed(one: Parts, table: pa.Table) -> None:
        store.delete(keys(store)[0])
        add(one, table)

    monkeypatch.setattr(Parts, "add", add_while_one_is_removed)
    assert begun(store).take_over().num_rows == 0
    assert keys(store) == []


def test_parts_are_as_old_as_the_newest_part_of_their_step(store: Store) -> None:
    for _ in range(2):
        begun(store).add(rows("a"))
    (orphan,) = abandoned_steps(store)
    assert (orphan.name, len(orphan.objects)) == (layout.parts("a-step", DAY), 2)
    assert orphan.modified == max(found.modified for found in orphan.objects)
    assert older_than([orphan], timedelta(hours=1)) == []


def test_a_part_ends_with_its_rows_or_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS", 2)
    assert list(in_parts(range(5))) == [[0, 1], [2, 3], [4]]
    assert list(in_parts([])) == []
    monkeypatch.setattr(parts, "SECONDS", -1)
    assert list(in_parts(range(2))) == [[0], [1]]
