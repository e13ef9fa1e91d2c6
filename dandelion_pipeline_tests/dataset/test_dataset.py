import hashlib

from dandelion_pipeline.dataset.dataset import (
    TEST,
    TRAIN,
    VALIDATION,
    Dataset,
    build_dataset,
    rows_of,
)
from dandelion_pipeline.dataset.reasons import (
    AGAIN,
    EMPTY_SPLIT,
    GENERATED,
    SMALL_CLASS,
    TWO_LABELS,
    TWO_SPLITS,
)
from dandelion_pipeline.dataset.splits.assignments import NOTHING_ASSIGNED, Assignments
from dandelion_pipeline_tests.data.clean_rows import clean_table

Row = dict[str, object]


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def photos(count: int, label: str, **changes: object) -> list[Row]:
    return [
        {
            "sha256": sha256(f"{label}-{i}"),
            "label": label,
            "name": f"{i}.jpg",
            **changes,
        }
        for i in range(count)
    ]


def built(
    *rows: list[Row],
    salt: str = "salt",
    after: Dataset | None = None,
    assigned: Assignments = NOTHING_ASSIGNED,
) -> Dataset:
    """A data set of these photos, in a store where another was made before, or others."""
    if after is not None:
        assigned = Assignments.of(after.assigned)
    return build_dataset(clean_table(row for part in rows for row in part), salt, assigned)


def splits_by_photo(dataset: Dataset) -> dict[str, str]:
    return {row["sha256"]: row["split"] for row in dataset.used.to_pylist()}


def test_the_hash_names_photos_labels_and_splits_and_not_their_order() -> None:
    rows = photos(50, "a") + photos(50, "b")
    same, other = built(rows).info, built(rows[::-1]).info
    assert same.hash == other.hash
    assert built(rows, salt="else").info.hash != same.hash
    assert built(rows + photos(51, "a")[50:]).info.hash != same.hash


def test_identical_photos_with_two_labels_are_left_out_and_counted() -> None:
    disputed = photos(1, "a")[0]
    dataset = built(photos(50, "a"), photos(50, "b"), [{**disputed, "label": "b"}])
    assert disputed["sha256"] not in splits_by_photo(dataset)
    assert dataset.info.left_out == {TWO_LABELS: 2}
    assert dataset.conflicts["identical"].to_pylist() == [True, True]


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


def test_a_group_with_two_labels_keeps_its_photos_in_one_split_and_is_listed() -> None:
    family = photos(2, "a", group=sha256("family")) + photos(1, "b", group=sha256("family"))
    dataset = built(family, photos(50, "c"), photos(8, "a")[2:], photos(8, "b")[1:])
    assert dataset.info.left_out == {}
    assert dataset.info.label_conflicts == dataset.conflicts.num_rows == 3
    splits = splits_by_photo(dataset)
    assert len({splits[str(row["sha256"])] for row in family}) == 1


def test_classes_whose_photos_are_all_in_groups_with_two_labels_have_every_split() -> None:
    """The same face with and without a mask."""
    faces = [
        {**row, "group": sha256(f"face {i}")}
        for label in "ab"
        for i, row in enumerate(photos(10, label))
    ]
    info = built(faces).info
    assert info.counts["a"] == info.counts["b"] == {TRAIN: 7, VALIDATION: 1, TEST: 2}
    mixed = built(faces[:3], faces[10:13], photos(30, "b")[10:]).info
    assert all(mixed.counts["a"].values())


def test_a_photo_that_resembles_photos_in_two_splits_is_left_out() -> None:
    rows = photos(50, "a") + photos(50, "b")
    before = built(rows)
    splits = splits_by_photo(before)
    in_train, in_test = (
        next(str(r["sha256"]) for r in rows if splits[str(r["sha256"])] == split)
        for split in (TRAIN, TEST)
    )
    bridge = [{**photos(51, "a")[50], "group": in_train, "bridges": [in_test]}]
    harmless = [{**photos(52, "a")[51], "group": in_train, "bridges": [in_train]}]
    after = built(rows, bridge, harmless, after=before)
    assert after.info.left_out == {TWO_SPLITS: 1}
    assert splits_by_photo(after)[str(harmless[0]["sha256"])] == TRAIN


def test_a_photo_alone_in_its_group_goes_where_the_photos_are_that_it_resembles() -> None:
    rows = photos(50, "a") + photos(50, "b")
    splits = splits_by_photo(built(rows))
    in_test = next(name for name, split in splits.items() if split == TEST)
    alike = [{**photos(51, "a")[50], "bridges": [in_test]}]
    dataset = built(rows, alike)
    assert dataset.info.left_out == {}
    assert splits_by_photo(dataset)[str(alike[0]["sha256"])] == splits_by_photo(dataset)[in_test]


def test_a_class_too_small_for_every_split_is_left_out_where_two_others_remain() -> None:
    family = photos(9, "c", group=sha256("family"))
    info = built(photos(50, "a"), photos(50, "b"), family, photos(2, "d"), photos(3, "e")).info
    assert info.classes == ["a", "b", "e"]
    assert info.classes_left_out == {"c": "9 photos in 1 group", "d": "2 photos in 2 groups"}
    assert info.left_out == {SMALL_CLASS: 11}


def test_a_class_whose_test_photos_were_dropped_is_left_out_until_others_come() -> None:
    rows = [photos(50, "a"), photos(50, "b"), photos(5, "c")]
    before = built(*rows)
    splits = splits_by_photo(before)
    left = [row for row in photos(5, "c") if splits[str(row["sha256"])] != TEST]
    after = built(*rows[:2], left, after=before)
    assert after.info.classes_left_out == {"c": "no photos in the test split"}
    assert after.info.left_out == {EMPTY_SPLIT: 4}
    healed = built(*rows[:2], left, photos(6, "c")[5:], after=before)
    assert healed.info.counts["c"] == {TRAIN: 3, VALIDATION: 1, TEST: 1}
