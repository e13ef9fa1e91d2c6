import re
from dataclasses import replace

import pytest

from dandelion_pipeline.dataset.checks import (
    CLASSES,
    CONFLICTS,
    CROSSING,
    DATASET_CHECKS,
    EMPTY_SPLITS,
    IMBALANCE,
    LEFT_OUT,
    SMALLEST,
    UNEVEN,
    DatasetLimits,
    check_dataset,
    require,
    warnings,
)
from dandelion_pipeline.dataset.dataset import TEST, TRAIN, Dataset
from dandelion_pipeline.dataset.splits.assignments import Assignments
from dandelion_pipeline.errors import DatasetError
from dandelion_pipeline_tests.dataset.test_dataset import (
    Row,
    built,
    photos,
    sha256,
    splits_by_photo,
)

GOOD = [*photos(50, "a"), *photos(50, "b")]
TINY_PHOTOS = photos(78, "b", keep=False, drop_reason="smaller than 32 pixels")
SCENE = photos(20, "b", group=sha256("family"))
DISPUTED = [{**row, "label": label} for row in photos(6, "c") for label in "cd"]


def failed(dataset: Dataset) -> list[str]:
    findings = check_dataset(dataset, DatasetLimits())
    assert [f.check for f in findings] == list(DATASET_CHECKS)
    return [f.check for f in findings if not f.passed]


def test_a_good_data_set_passes_every_check() -> None:
    assert failed(built(photos(200, "a"), photos(200, "b"))) == []


@pytest.mark.parametrize(
    ("rows", "check", "message"),
    [
        ([], CLASSES, "there are no photos"),
        (TINY_PHOTOS, CLASSES, "78 of 78 photos are smaller than 32 pixels; no photo is left"),
        (photos(2, "a") + TINY_PHOTOS, CLASSES, "78 of 80 photos are smaller than 32 pixels"),
        (photos(50, "a"), CLASSES, "only one class, 'a'"),
        (photos(50, "a") + photos(2, "b"), CLASSES, "'b' has 2 usable photos in 2 groups"),
        (photos(50, "a") + SCENE, CLASSES, "'b' has 20 usable photos in 1 group of near-dup"),
        (GOOD + DISPUTED, CONFLICTS, "12 photos with identical pixels under two labels"),
    ],
)
def test_a_data_set_that_makes_no_model_is_refused_with_cause_figure_bound_and_remedy(
    rows: list[Row], check: str, message: str
) -> None:
    dataset = built(rows)
    assert check in failed(dataset)
    with pytest.raises(DatasetError, match=message) as refusal:
        require(check_dataset(dataset, DatasetLimits()))
    assert f"({check} " in refusal.value.why
    assert "allowed is at " in refusal.value.why
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("rows", "check", "message"),
    [
        (photos(300, "a") + photos(14, "b"), IMBALANCE, "21.4 times as many photos as 'b'"),
        (GOOD + photos(3, "c"), SMALLEST, "class 'c' has 3 usable photos"),
        (GOOD + photos(2, "c"), LEFT_OUT, r"left out: 'c' \(2 photos in 2 groups\)"),
    ],
)
def test_what_makes_a_poorer_model_is_a_warning(rows: list[Row], check: str, message: str) -> None:
    findings = check_dataset(built(rows), DatasetLimits())
    require(findings)
    (warning,) = warnings(findings)
    assert warning.check == check
    assert re.search(message, str(warning))


def test_few_photos_with_two_labels_and_many_near_duplicates_stop_nothing() -> None:
    faces = [{**row, "group": sha256(f"face {row['name']}")} for row in GOOD]
    dataset = built(faces, DISPUTED[:10])
    assert failed(dataset) == []
    assert dataset.info.label_conflicts == 110


def test_a_class_that_lost_its_test_photos_is_refused_if_it_is_one_of_two() -> None:
    before = built(GOOD)
    splits = splits_by_photo(before)
    left = [row for row in GOOD if row["label"] == "a" or splits[str(row["sha256"])] != TEST]
    after = built(left, after=before)
    assert failed(after) == [EMPTY_SPLITS, UNEVEN]
    with pytest.raises(DatasetError, match="none of its 40 photos are in the test split"):
        require(check_dataset(after, DatasetLimits()))


def test_a_group_that_crosses_a_split_is_found() -> None:
    dataset = built(GOOD)
    rows = dataset.used.to_pylist()
    in_train = next(row for row in rows if row["split"] == TRAIN)
    in_test = next(row for row in rows if row["split"] == TEST)
    in_test["group"] = in_train["group"]
    leaking = replace(dataset, used=dataset.used.from_pylist(rows, schema=dataset.used.schema))
    assert failed(leaking) == [CROSSING]


def test_uneven_splits_are_told_and_stop_nothing() -> None:
    train = {str(row["sha256"]): TRAIN for row in photos(100, "b")}
    dataset = built(photos(200, "a"), photos(112, "b"), assigned=Assignments(train))
    assert failed(dataset) == [UNEVEN]
    require(check_dataset(dataset, DatasetLimits()))
