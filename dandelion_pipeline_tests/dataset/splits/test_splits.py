import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.dataset.dataset import SHARES, SPLITS, TEST, TRAIN, VALIDATION, Dataset
from dandelion_pipeline.dataset.reasons import TWO_SPLITS
from dandelion_pipeline.dataset.splits.assignments import ASSIGNMENTS, Assignments
from dandelion_pipeline_tests.dataset.test_dataset import (
    Row,
    built,
    photos,
    sha256,
    splits_by_photo,
)


def grown(*steps: list[Row]) -> list[Dataset]:
    """The data sets of a store that grows, step by step."""
    made: list[Dataset] = []
    rows: list[Row] = []
    assigned = ASSIGNMENTS.empty_table()
    for step in steps:
        rows = rows + step
        made.append(built(rows, assigned=Assignments.of(assigned)))
        assigned = pa.concat_tables([assigned, made[-1].assigned])
        again = built(rows, assigned=Assignments.of(assigned))
        assert (again.info, again.assigned.num_rows) == (made[-1].info, 0)
    return made


def drawn_photos(drawn: list[tuple[str, int, int]], start: int = 0) -> list[Row]:
    """A photo for each label, number of its group and of its user group (0: none)."""
    return [
        {
            "sha256": sha256(f"{start + i}"),
            "label": label,
            "name": f"{start + i}.jpg",
            "group": sha256(f"group {group}"),
            "user_group": f"plant {plant}" if plant else "",
        }
        for i, (label, group, plant) in enumerate(drawn)
    ]


photos_drawn = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.sampled_from([0, 0, 0, 1, 2])),
    max_size=40,
)


@settings(max_examples=40)
@given(st.lists(photos_drawn, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_growth_changes_no_assignment_and_no_group_crosses_a_split(
    days: list[list[tuple[str, int, int]]], shuffled: random.Random
) -> None:
    steps = [drawn_photos(day, start=100 * number) for number, day in enumerate(days)]
    splits: dict[str, str] = {}
    for dataset in grown(*steps):
        now = splits_by_photo(dataset)
        assert all(now.get(photo, split) == split for photo, split in splits.items())
        splits |= now
        pairs = {(row["group"], row["split"]) for row in dataset.used.to_pylist()}
        assert len(pairs) == len({group for group, _ in pairs})
    rows = [row for step in steps for row in step]
    in_order = built(rows)
    shuffled.shuffle(rows)
    assert built(rows).used.equals(in_order.used, check_metadata=True)
    users = {str(row["sha256"]): row["user_group"] for row in rows}
    by_user = {(users[p], split) for p, split in splits_by_photo(in_order).items() if users[p]}
    assert len(by_user) == len({user for user, _ in by_user})


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 12), max_size=30), min_size=2, max_size=4))
def test_every_class_with_three_groups_has_every_split_with_its_share_within_one_group(
    days: list[list[int]],
) -> None:
    """The numbers are the photos of each group of class a that comes on a day."""
    steps, number = [photos(9, "b") + photos(3, "c")], 0
    for sizes in days:
        steps.append([])
        for size in sizes:
            number += 1
            group = sha256(f"group {number}")
            steps[-1] += [
                {**row, "sha256": sha256(f"{number}-{i}"), "group": group}
                for i, row in enumerate(photos(size, "a"))
            ]
    for made, dataset in enumerate(grown(*steps)):
        groups = Counter(
            {
                row["group"]: row["split"]
                for row in dataset.used.to_pylist()
                if row["label"] == "a"
            }.values()
        )
        there = sum(map(len, days[:made]))
        assert groups.total() == (there if there >= 3 else 0)
        if there >= 3:
            assert all(groups[split] for split in SPLITS)
        if there > 3:
            assert all(abs(groups[split] - SHARES[split] * there) < 1 for split in SPLITS)
    assert all(dataset.info.counts["c"][split] == 1 for split in SPLITS)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 20), min_size=3, max_size=40))
def test_the_photos_of_a_class_have_their_shares_within_the_largest_group(sizes: list[int]) -> None:
    rows = [
        {**photo, "sha256": sha256(f"{number}-{i}"), "group": sha256(f"group {number}")}
        for number, size in enumerate(sizes)
        for i, photo in enumerate(photos(size, "a"))
    ]
    counts = built(rows, photos(9, "b")).info.counts["a"]
    for split in SPLITS:
        assert abs(counts[split] - SHARES[split] * sum(sizes)) <= 1.1 * max(sizes)


@pytest.mark.parametrize(("classes", "each"), [(2, 10), (10, 20), (100, 20), (2, 3), (2, 1000)])
def test_each_class_is_in_every_split_however_many_there_are(classes: int, each: int) -> None:
    info = built(*(photos(each, f"class {number}") for number in range(classes))).info
    assert len(info.counts) == classes
    for counts in info.counts.values():
        assert all(counts.values())
        assert all(abs(counts[split] - SHARES[split] * each) <= 1.1 for split in SPLITS)


@settings(max_examples=40)
@given(photos_drawn, st.lists(st.integers(0, 39), max_size=10), st.booleans())
def test_relabelling_renaming_and_regrouping_keep_splits(
    drawn: list[tuple[str, int, int]], moved: list[int], alone: bool
) -> None:
    rows = [*drawn_photos(drawn), *photos(12, "d"), *photos(12, "e")]
    before = built(rows)
    changed = [
        {**row, "label": "a new name" if row["label"] == "d" else row["label"]} for row in rows
    ]
    for number in moved:
        changed[number % len(rows)] |= {"label": "e"}
    if alone:
        changed = [{**row, "group": row["sha256"], "user_group": ""} for row in changed]
    splits = splits_by_photo(before)
    after = splits_by_photo(built(changed, after=before))
    assert all(splits.get(photo, split) == split for photo, split in after.items())


def test_a_class_that_is_renamed_keeps_all_its_photos_where_they_are() -> None:
    before = built(photos(30, "a"), photos(30, "b"))
    renamed = [{**row, "label": "z"} for row in photos(30, "a")]
    after = built(renamed, photos(30, "b"), after=before)
    assert splits_by_photo(after) == splits_by_photo(before)
    assert after.info.counts["z"] == before.info.counts["a"]


def test_another_salt_deals_new_photos_otherwise_and_moves_none() -> None:
    rows = photos(100, "a") + photos(100, "b")
    first, other = built(rows), built(rows, salt="else")
    assert splits_by_photo(first) != splits_by_photo(other)
    assert splits_by_photo(built(rows, salt="else", after=first)) == splits_by_photo(first)


def test_groups_that_are_joined_across_two_splits_end_in_one_and_move_no_photo() -> None:
    rows = photos(40, "a") + photos(40, "b")
    before = built(rows)
    joined = [{**row, "user_group": f"plant {i // 8}"} for i, row in enumerate(rows)]
    after = built(joined, after=before)
    splits = splits_by_photo(after)
    assert splits.items() <= splits_by_photo(before).items()
    assert all(all(counts.values()) for counts in after.info.counts.values())
    assert set(after.info.left_out) == {TWO_SPLITS}
    assert after.info.user_groups == 10


def test_what_the_source_keeps_for_the_test_stays_there() -> None:
    said = {TRAIN: 30, VALIDATION: 5, TEST: 15}
    rows = [
        {**row, "user_split": split}
        for label in "ab"
        for split, row in zip(
            [s for s, n in said.items() for _ in range(n)], photos(50, label), strict=True
        )
    ]
    rows[-1] |= {"group": rows[50]["sha256"]}  # one of the test resembles one of the training
    info = built(rows).info
    assert info.counts["a"] == said
    assert info.counts["b"] == {TRAIN: 29, VALIDATION: 5, TEST: 16}


def test_a_source_without_validation_photos_gives_them_from_its_training_photos() -> None:
    rows = [
        {**row, "user_split": TEST if i < 10 else TRAIN}
        for label in "ab"
        for i, row in enumerate(photos(50, label))
    ]
    for counts in built(rows).info.counts.values():
        assert counts == {TRAIN: 35, VALIDATION: 5, TEST: 10}
