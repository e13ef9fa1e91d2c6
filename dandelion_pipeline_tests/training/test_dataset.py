import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.errors import DatasetError
from dandelion_pipeline.training.dataset import (
    SHARES,
    SPLITS,
    TEST,
    DatasetInfo,
    build_dataset,
    rows_of,
    split_of,
)


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def photos(count: int, label: str, **changes: object) -> list[dict[str, object]]:
    return [
        {
            "sha256": sha256(f"{label}-{i}"),
            "label": label,
            "name": f"{i}.jpg",
            "day": "2025-05-01",
            "keep": True,
            "is_sample": False,
            **changes,
        }
        for i in range(count)
    ]


def built(*rows: list[dict[str, object]], salt: str = "salt") -> pa.Table:
    return build_dataset(pa.Table.from_pylist([row for part in rows for row in part]), salt)


def splits_by_photo(dataset: pa.Table) -> dict[str, str]:
    return {row["sha256"]: row["split"] for row in dataset.to_pylist()}


@given(st.integers(200, 260), st.integers(0, 60), st.text(max_size=8))
def test_no_photo_ever_changes_its_split_as_data_grows(first: int, more: int, salt: str) -> None:
    before = splits_by_photo(built(photos(first, "a"), photos(200, "b"), salt=salt))
    after = splits_by_photo(built(photos(first + more, "a"), photos(200, "b"), salt=salt))
    assert before.items() <= after.items()


def test_the_shares_of_the_splits_are_kept_in_each_class() -> None:
    info = DatasetInfo.of(built(photos(2000, "a"), photos(2000, "b")))
    for counts in info.counts.values():
        for split in SPLITS:
            assert counts[split] / 2000 == pytest.approx(SHARES[split], abs=0.03)


def test_another_salt_gives_another_split() -> None:
    names = [sha256(str(i)) for i in range(100)]
    assert [split_of(n, "one") for n in names] != [split_of(n, "two") for n in names]


def test_the_hash_names_photos_labels_and_splits_and_not_their_order() -> None:
    rows = photos(50, "a") + photos(50, "b")
    same, other = DatasetInfo.of(built(rows)), DatasetInfo.of(built(rows[::-1]))
    assert same.hash == other.hash
    assert DatasetInfo.of(built(rows, salt="else")).hash != same.hash
    assert DatasetInfo.of(built(rows + photos(51, "a")[50:])).hash != same.hash


def test_a_photo_with_two_labels_is_left_out_and_counted() -> None:
    disputed = photos(1, "a")[0]
    dataset = built(photos(50, "a"), photos(50, "b"), [{**disputed, "label": "b"}])
    assert disputed["sha256"] not in splits_by_photo(dataset)
    assert DatasetInfo.of(dataset).left_out == {"two labels for one photo": 1}


def test_a_photo_that_came_twice_is_used_once() -> None:
    dataset = built(photos(50, "a"), photos(50, "b"), photos(3, "a", day="2025-05-02"))
    assert dataset.num_rows == 100
    assert DatasetInfo.of(dataset).left_out == {"same photo again": 3}


def test_generated_photos_are_used_only_while_there_are_no_others() -> None:
    sample = photos(50, "x", is_sample=True) + photos(50, "y", is_sample=True)
    assert DatasetInfo.of(built(sample)).is_sample
    mixed = DatasetInfo.of(built(sample, photos(50, "a"), photos(50, "b")))
    assert not mixed.is_sample
    assert mixed.classes == ["a", "b"]
    assert mixed.left_out == {"generated sample": 100}


def test_photos_that_are_not_clean_are_left_out() -> None:
    dataset = built(photos(50, "a"), photos(50, "b"), photos(2, "c", keep=False))
    assert DatasetInfo.of(dataset).classes == ["a", "b"]
    assert DatasetInfo.of(dataset).left_out == {"not clean": 2}


def test_rows_of_a_split_are_that_split_alone() -> None:
    dataset = built(photos(100, "a"), photos(100, "b"))
    assert set(rows_of(dataset, TEST)["split"].to_pylist()) == {TEST}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "not one usable photo"),
        (photos(50, "a"), "only one class, 'a'"),
        (photos(50, "a") + photos(3, "b"), "class 'b': it has 3 usable photos"),
    ],
)
def test_too_little_data_is_refused_with_what_to_do(
    rows: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(DatasetError, match=message) as refusal:
        built(rows)
    assert refusal.value.remedy


def test_a_class_without_photos_in_a_split_is_refused() -> None:
    unlucky = [row for row in photos(200, "b") if split_of(str(row["sha256"]), "salt") != TEST]
    with pytest.raises(DatasetError, match="fell into the test split"):
        built(photos(50, "a"), unlucky[:20])
