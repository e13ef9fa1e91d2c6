import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.training.dataset import (
    AGAIN,
    GENERATED,
    SHARES,
    SPLITS,
    TEST,
    TWO_LABELS,
    TWO_SPLITS,
    Dataset,
    build_dataset,
    rows_of,
    split_of,
)
from dandelion_pipeline_tests.clean_rows import clean_table


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def photos(count: int, label: str, **changes: object) -> list[dict[str, object]]:
    return [
        {
            "sha256": sha256(f"{label}-{i}"),
            "label": label,
            "name": f"{i}.jpg",
            **changes,
        }
        for i in range(count)
    ]


def built(*rows: list[dict[str, object]], salt: str = "salt") -> Dataset:
    return build_dataset(clean_table(row for part in rows for row in part), salt)


def splits_by_photo(dataset: Dataset) -> dict[str, str]:
    return {row["sha256"]: row["split"] for row in dataset.used.to_pylist()}


@given(st.integers(200, 260), st.integers(0, 60), st.text(max_size=8))
def test_no_photo_ever_changes_its_split_as_data_grows(first: int, more: int, salt: str) -> None:
    before = splits_by_photo(built(photos(first, "a"), photos(200, "b"), salt=salt))
    after = splits_by_photo(built(photos(first + more, "a"), photos(200, "b"), salt=salt))
    assert before.items() <= after.items()


def test_the_shares_of_the_splits_are_kept_in_each_class() -> None:
    info = built(photos(2000, "a"), photos(2000, "b")).info
    for counts in info.counts.values():
        for split in SPLITS:
            assert counts[split] / 2000 == pytest.approx(SHARES[split], abs=0.03)


def test_another_salt_gives_another_split() -> None:
    names = [sha256(str(i)) for i in range(100)]
    assert [split_of(n, "one") for n in names] != [split_of(n, "two") for n in names]


def test_the_hash_names_photos_labels_and_splits_and_not_their_order() -> None:
    rows = photos(50, "a") + photos(50, "b")
    same, other = built(rows).info, built(rows[::-1]).info
    assert same.hash == other.hash
    assert built(rows, salt="else").info.hash != same.hash
    assert built(rows + photos(51, "a")[50:]).info.hash != same.hash


def test_a_photo_with_two_labels_is_left_out_and_counted() -> None:
    disputed = photos(1, "a")[0]
    dataset = built(photos(50, "a"), photos(50, "b"), [{**disputed, "label": "b"}])
    assert disputed["sha256"] not in splits_by_photo(dataset)
    assert dataset.info.left_out == {TWO_LABELS: 2}


def test_a_photo_that_came_twice_is_used_once() -> None:
    dataset = built(photos(50, "a"), photos(50, "b"), photos(3, "a", day="2025-05-02"))
    assert dataset.used.num_rows == 100
    assert dataset.info.left_out == {AGAIN: 3}


def test_generated_photos_are_used_only_while_there_are_no_others() -> None:
    sample = photos(50, "x", is_sample=True) + photos(50, "y", is_sample=True)
    assert built(sample).info.is_sample
    mixed = built(sample, photos(50, "a"), photos(50, "b")).info
    assert not mixed.is_sample
    assert mixed.classes == ["a", "b"]
    assert mixed.left_out == {GENERATED: 100}


def test_photos_that_are_not_clean_are_left_out() -> None:
    poor = photos(2, "c", keep=False, drop_reason="blurred")
    dataset = built(photos(50, "a"), photos(50, "b"), poor)
    assert dataset.info.classes == ["a", "b"]
    assert dataset.info.left_out == {"blurred": 2}


def test_rows_of_a_split_are_that_split_alone() -> None:
    dataset = built(photos(100, "a"), photos(100, "b"))
    assert set(rows_of(dataset.used, TEST)["split"].to_pylist()) == {TEST}


def test_near_duplicates_share_a_split() -> None:
    family = [{**row, "group": sha256("family")} for row in photos(30, "a")]
    splits = splits_by_photo(built(family, photos(50, "b")))
    assert len({splits[str(row["sha256"])] for row in family}) == 1


def test_all_photos_of_a_group_with_two_labels_are_left_out() -> None:
    family = photos(2, "a", group=sha256("family")) + photos(1, "b", group=sha256("family"))
    dataset = built(family, photos(50, "c"))
    assert dataset.info.left_out == {TWO_LABELS: 3}
    assert {row["name"] for row in dataset.left_out.to_pylist()} == {"0.jpg", "1.jpg"}


def test_a_photo_that_resembles_photos_in_two_splits_is_left_out() -> None:
    names = [sha256(str(i)) for i in range(100)]
    in_train = next(name for name in names if split_of(name, "salt") != TEST)
    in_test = next(name for name in names if split_of(name, "salt") == TEST)
    bridge = photos(1, "a", group=in_train, bridges=[in_test])
    harmless = photos(2, "a", group=in_train, bridges=[in_train])[1:]
    assert built(bridge, harmless).info.left_out == {TWO_SPLITS: 1}


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("ab"), st.booleans()), max_size=40))
def test_every_photo_is_used_or_left_out_and_no_group_crosses_a_split(
    drawn: list[tuple[int, str, bool]],
) -> None:
    rows = [
        {**photos(i + 1, label, keep=keep, drop_reason="" if keep else "dark")[i], "group": str(g)}
        for i, (g, label, keep) in enumerate(drawn)
    ]
    dataset = built(rows)
    assert dataset.used.num_rows + dataset.left_out.num_rows == len(rows)
    splits = {(row["group"], row["split"]) for row in dataset.used.to_pylist()}
    labels = {(row["group"], row["label"]) for row in dataset.used.to_pylist()}
    groups = set(dataset.used["group"].to_pylist())
    assert len(splits) == len(labels) == len(groups)
