import hashlib

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.checks import DatasetLimits
from dandelion_pipeline.dataset.dataset import SCHEMA
from dandelion_pipeline.dataset.settled import Checked, previewed, settled
from dandelion_pipeline.dataset.splits.assignments import Assignments, History
from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import damaged_tables
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_snapshot
from dandelion_pipeline_tests.data.clean_rows import clean_table
from dandelion_pipeline_tests.dataset.test_dataset import Row, photos, splits_by_photo

LIMITS = DatasetLimits()
FIRST = photos(20, "a") + photos(20, "b")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store((tmp_path_factory.mktemp("splits") / "store").as_uri())


def made(store: Store, rows: list[Row], salt: str = "salt") -> Checked:
    table = clean_table(rows)
    before = keys(store)
    preview = previewed(store, table, salt, LIMITS)
    assert keys(store) == before
    checked = settled(store, table, salt, LIMITS)
    assert checked.dataset.info == preview.dataset.info
    return checked


def keys(store: Store) -> list[str]:
    return [found.key for found in store.list_objects("")]


def old_split(group: object) -> str:
    """The split of a group before splits were dealt: a salted hash as a share from 0 to 1."""
    digest = hashlib.sha256(f"2026:{group}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if share < 0.7 else "validation" if share < 0.8 else "test"


def test_a_store_keeps_its_splits_as_it_grows_and_a_preview_writes_nothing(store: Store) -> None:
    first = splits_by_photo(made(store, FIRST).dataset)
    assert keys(store) == [layout.splits(1)]
    again = made(store, FIRST, salt="another")
    assert splits_by_photo(again.dataset) == first
    assert keys(store) == [layout.splits(1)]
    grown = splits_by_photo(made(store, [*photos(31, "a"), *FIRST[20:]]).dataset)
    assert first.items() <= grown.items()
    assert keys(store) == [layout.splits(1), layout.splits(2)]
    assert not [damage for damage in damaged_tables(store) if damage]


def test_a_photo_keeps_its_split_when_it_gets_the_name_of_a_group_in_another(folder: Store) -> None:
    first = splits_by_photo(made(folder, FIRST).dataset)
    of_split = {first[str(row["sha256"])]: row for row in FIRST}
    moved, gone = of_split["test"], of_split["train"]
    rest = [row for row in FIRST if row is not moved and row is not gone]
    again = made(folder, [*rest, {**moved, "group": gone["sha256"]}])
    assert splits_by_photo(again.dataset)[str(moved["sha256"])] == "test"


def test_photos_of_a_store_whose_splits_were_hashes_stay_where_they_were(folder: Store) -> None:
    """Its newest data set says where; new photos are dealt beside them."""
    rows = [
        {**{name: row.get(name, "2025-05-01") for name in SCHEMA.names}, "group": row["sha256"]}
        for row in FIRST
    ]
    old = [{**row, "split": old_split(row["group"])} for row in rows]
    misleading = [{**row, "split": "train"} for row in rows[:5]]
    for table in (misleading, old):
        write_snapshot(folder, "dataset", pa.Table.from_pylist(table, schema=SCHEMA))
    joins = [{**photos(41, "a")[40], "group": FIRST[0]["sha256"]}]
    checked = made(folder, FIRST + photos(40, "a")[20:] + joins)
    splits = splits_by_photo(checked.dataset)
    assert all(splits[str(row["sha256"])] == row["split"] for row in old)
    assert splits[str(joins[0]["sha256"])] == old[0]["split"]
    counts = checked.dataset.info.counts["a"]
    assert [counts[split] for split in ("train", "validation", "test")] == [29, 4, 8]


def test_of_two_runs_at_once_the_second_deals_beside_the_first(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = photos(30, "a") + photos(20, "b"), photos(25, "a")[20:] + FIRST
    others: list[Checked] = []
    append = History.append

    def late(history: History, store: Store, new: pa.Table) -> bool:
        if not others:
            others.append(settled_by_another(store, theirs, monkeypatch))
        return append(history, store, new)

    def settled_by_another(store: Store, rows: list[Row], patch: pytest.MonkeyPatch) -> Checked:
        with patch.context() as whole:
            whole.setattr(History, "append", append)
            return settled(store, clean_table(rows), "another salt", LIMITS)

    monkeypatch.setattr(History, "append", late)
    mine = splits_by_photo(settled(folder, clean_table(ours), "salt", LIMITS).dataset)
    first = splits_by_photo(others[0].dataset)
    assert {name: split for name, split in mine.items() if name in first} == first
    assert History.read(folder).number == 2
    assert Assignments.of(History.read(folder).table).photos == first | mine


def test_a_data_set_that_is_stopped_assigns_nothing(folder: Store) -> None:
    assert made(folder, photos(20, "a")).stops
    assert keys(folder) == []


def test_a_missing_table_of_splits_is_an_error_and_no_new_split(folder: Store) -> None:
    made(folder, FIRST)
    made(folder, FIRST + photos(21, "a")[20:])
    folder.delete(layout.splits(1))
    with pytest.raises(ObjectDamaged, match=r"00000001\.parquet: the table is missing"):
        previewed(folder, clean_table(FIRST), "salt", LIMITS)
