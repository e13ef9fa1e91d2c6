from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.copies.joined import LARGEST, connected, copies_said, with_copies
from dandelion_pipeline.dataset.copies.kept import COPIES, all_pairs
from dandelion_pipeline.dataset.dataset import build_dataset
from dandelion_pipeline.dataset.labels.conflicts import label_conflicts
from dandelion_pipeline.dataset.splits.assignments import Assignments
from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.clean_rows import clean_table

DAY = "2025-05-01"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


def keep(store: Store, pairs: list[tuple[str, str | None]], version: str = "one") -> None:
    rows = [{"photo": photo, "other": other} for photo, other in pairs]
    write_table(store, layout.copies(version, DAY), pa.Table.from_pylist(rows, schema=COPIES))


def photos(count: int, **more: object) -> pa.Table:
    labels = ("grass", "dandelion")
    return clean_table(
        {"sha256": f"{n:03d}", "label": labels[n % 2], "name": f"{n}.jpg", **more}
        for n in range(count)
    )


def test_photos_that_pairs_connect_share_a_name(store: Store) -> None:
    keep(store, [("002", "001"), ("003", None), ("004", "002")])
    named = with_copies(store, photos(20))["copies"].to_pylist()
    assert named[:6] == ["", "001", "001", "", "001", ""]


def test_a_pair_of_a_photo_that_is_gone_joins_nothing(store: Store) -> None:
    keep(store, [("001", "zzz"), ("002", "zzz")])
    assert set(with_copies(store, photos(20))["copies"].to_pylist()) == {""}


def test_a_pair_that_another_version_found_stays(store: Store) -> None:
    keep(store, [("001", "002")])
    keep(store, [("001", None), ("002", None)], "two")
    assert with_copies(store, photos(20))["copies"].to_pylist()[1:3] == ["001", "001"]


def test_a_store_without_pairs_joins_nothing(store: Store) -> None:
    assert set(with_copies(store, photos(20))["copies"].to_pylist()) == {""}
    assert all_pairs(store).schema == COPIES


def test_pairs_that_cannot_be_read_are_an_error(store: Store) -> None:
    store.put(layout.copies("one", DAY), b"damaged")
    with pytest.raises(ObjectDamaged):
        with_copies(store, photos(20))


def chain(length: int) -> list[tuple[str, str]]:
    return list(pairwise(f"{n:03d}" for n in range(length)))


def test_more_than_64_photos_or_a_quarter_of_a_set_are_not_joined() -> None:
    assert set(connected(chain(LARGEST), 1_000).values()) == {"000"}
    assert connected(chain(LARGEST + 1), 1_000) == {}
    assert len(connected(chain(5), 20)) == 5
    assert connected(chain(6), 20) == {}
    assert len(connected(chain(3), 6)) == 3


def test_copies_are_in_one_split_and_keep_the_one_that_is_decided(store: Store) -> None:
    keep(store, [("001", "002"), ("030", "031"), ("030", "032")])
    table = with_copies(store, photos(60))
    made = build_dataset(table, "salt").used
    split = dict(zip(made["sha256"].to_pylist(), made["split"].to_pylist(), strict=True))
    assert split["001"] == split["002"]
    assert split["030"] == split["031"] == split["032"]
    for decided in ("train", "test"):
        used = build_dataset(table, "salt", Assignments(photos={"031": decided})).used
        rows = used.filter(pa.compute.is_in(used["sha256"], pa.array(["030", "031", "032"])))
        assert rows["split"].to_pylist() == [decided] * 3


def test_copies_that_were_in_two_splits_stay_and_do_not_leak(store: Store) -> None:
    keep(store, [("001", "002")])
    before = Assignments(photos={"001": "train", "002": "test"})
    made = build_dataset(with_copies(store, photos(60)), "salt", before)
    used = dict(zip(made.used["sha256"].to_pylist(), made.used["split"].to_pylist(), strict=True))
    there = {name: used[name] for name in ("001", "002") if name in used}
    assert there in ({"001": "train"}, {"002": "test"})
    assert made.info.left_out == {"a near-duplicate of photos in two splits": 1}


def test_copies_with_two_labels_are_a_label_conflict(store: Store) -> None:
    keep(store, [("001", "002"), ("003", "005")])
    found = label_conflicts(with_copies(store, photos(20)))
    assert found["sha256"].to_pylist() == ["001", "002"]
    assert set(found["group"].to_pylist()) == {"001"}
    assert found["identical"].to_pylist() == [False, False]


def test_the_report_says_why_copies_were_joined(store: Store) -> None:
    assert copies_said(with_copies(store, photos(20))) == ""
    keep(store, [("001", "002"), ("003", "005")])
    said = copies_said(with_copies(store, photos(20)))
    assert said.startswith("4 photos in 2 groups were joined because they are rotated or cropped")
