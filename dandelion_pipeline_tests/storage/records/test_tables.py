from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import (
    last_table,
    read_snapshot,
    read_table,
    read_tables,
    write_snapshot,
    write_table,
)

TABLE = pa.table({"a": list(range(1_000))}).replace_schema_metadata({"said": "of itself"})
OTHER = pa.table({"a": [1]})
KEY, NEXT = (layout.table("raw_images", f"2025-05-0{day}") for day in (1, 2))


def test_a_table_is_read_as_it_was_written(store: Store) -> None:
    assert write_table(store, KEY, TABLE)
    assert read_table(store, KEY).equals(TABLE, check_metadata=True)
    assert last_table(store, KEY) == TABLE


def test_the_same_table_is_not_written_twice(store: Store) -> None:
    write_table(store, KEY, TABLE)
    before = store.look_up(KEY)
    assert not write_table(store, KEY, TABLE)
    assert store.look_up(KEY) == before
    assert write_table(store, KEY, OTHER)
    assert read_table(store, KEY) == OTHER


def test_a_table_that_was_never_written_is_none(store: Store) -> None:
    assert last_table(store, KEY) is None
    with pytest.raises(ObjectNotFound, match=KEY):
        read_table(store, KEY)


def test_a_snapshot_is_found_by_its_hash_and_written_once(store: Store) -> None:
    snapshot = write_snapshot(store, "dataset", TABLE)
    (before,) = store.list_objects(layout.TABLES)
    assert write_snapshot(store, "dataset", TABLE) == snapshot
    assert store.list_objects(layout.TABLES) == [before]
    assert read_snapshot(store, "dataset", snapshot).equals(TABLE, check_metadata=True)
    assert write_snapshot(store, "dataset", OTHER) != snapshot


def test_every_altered_byte_of_a_snapshot_is_found(store: Store) -> None:
    snapshot = write_snapshot(store, "dataset", OTHER)
    key = layout.table("dataset", snapshot)
    whole = store.get(key)
    for at in range(0, len(whole), 11):
        store.put(key, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ObjectDamaged, match="its bytes have another hash"):
            read_snapshot(store, "dataset", snapshot)


@pytest.mark.parametrize("rubbish", [b"", b"no table", b"PAR1" * 10])
def test_what_is_no_table_is_named(store: Store, rubbish: bytes) -> None:
    store.put(KEY, rubbish)
    with pytest.raises(ObjectDamaged, match=rf"the table .*{KEY}: it is not as it was written"):
        read_table(store, KEY)


def test_every_altered_byte_of_a_table_is_found_or_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    table = pa.table({"text": ["grass", ""], "number": [1, None], "share": [0.5, 1.5]})
    write_table(store, KEY, table)
    whole = store.get(KEY)
    for at in range(len(whole)):
        store.put(KEY, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert read_table(store, KEY).equals(table, check_metadata=True)
        except ObjectDamaged:
            continue


def test_tables_are_read_as_one_though_an_older_one_lacks_a_column(store: Store) -> None:
    write_table(store, KEY, OTHER)
    write_table(store, NEXT, pa.table({"a": [2], "b": ["new"]}))
    rows = read_tables(store, [KEY, NEXT]).to_pylist()
    assert rows == [{"a": 1, "b": None}, {"a": 2, "b": "new"}]
