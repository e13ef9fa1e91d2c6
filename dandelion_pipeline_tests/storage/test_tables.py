import pyarrow as pa
import pytest

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import (
    last_table,
    read_snapshot,
    read_table,
    write_snapshot,
    write_table,
)

TABLE = pa.table({"a": list(range(1_000))}).replace_schema_metadata({"said": "of itself"})
OTHER = pa.table({"a": [1]})
KEY = layout.table("raw_images", "2025-05-01")


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
