import pytest

from dandelion_pipeline.errors import DatasetError
from dandelion_pipeline.training.checks import (
    CLASSES,
    CONFLICTS,
    CROSSING,
    DATASET_CHECKS,
    EMPTY_SPLITS,
    IMBALANCE,
    SMALLEST,
    UNEVEN,
    DatasetLimits,
    check_dataset,
    require,
)
from dandelion_pipeline.training.dataset import TEST, TRAIN, Dataset, split_of
from dandelion_pipeline_tests.training.test_dataset import built, photos, sha256

GOOD = [*photos(50, "a"), *photos(50, "b")]
UNLUCKY = [row for row in photos(200, "b") if split_of(str(row["sha256"]), "salt") != TEST][:20]
DISPUTED = [{**row, "group": sha256("family")} for row in photos(4, "c") + photos(4, "d")]


def failed(dataset: Dataset) -> list[str]:
    findings = check_dataset(dataset, DatasetLimits())
    assert [f.check for f in findings] == list(DATASET_CHECKS)
    return [f.check for f in findings if not f.passed]


def test_a_good_data_set_passes_every_check() -> None:
    assert failed(built(photos(200, "a"), photos(200, "b"))) == []


@pytest.mark.parametrize(
    ("rows", "check", "message"),
    [
        ([], CLASSES, "not one usable photo"),
        (photos(50, "a"), CLASSES, "only one class, 'a'"),
        (photos(50, "a") + photos(3, "b"), SMALLEST, "class 'b': it has 3 usable photos"),
        (photos(300, "a") + photos(14, "b"), IMBALANCE, "'a' has 21.4 times as many photos as 'b'"),
        (photos(50, "a") + UNLUCKY, EMPTY_SPLITS, "fell into the test split"),
        (GOOD + DISPUTED, CONFLICTS, "8 photos are near-duplicates of photos with another label"),
    ],
)
def test_a_data_set_that_would_make_a_bad_model_is_refused_with_figure_bound_and_remedy(
    rows: list[dict[str, object]], check: str, message: str
) -> None:
    dataset = built(rows)
    assert check in failed(dataset)
    with pytest.raises(DatasetError, match=message) as refusal:
        require(check_dataset(dataset, DatasetLimits()))
    assert f"({check} " in refusal.value.why
    assert "allowed is at " in refusal.value.why
    assert refusal.value.remedy


def test_a_group_that_crosses_a_split_is_found() -> None:
    dataset = built(GOOD)
    rows = dataset.used.to_pylist()
    in_train = next(row for row in rows if row["split"] == TRAIN)
    in_test = next(row for row in rows if row["split"] == TEST)
    in_test["group"] = in_train["group"]
    leaking = Dataset(
        dataset.used.from_pylist(rows, schema=dataset.used.schema), dataset.left_out, dataset.info
    )
    assert failed(leaking) == [CROSSING]


def test_uneven_splits_are_told_and_stop_nothing() -> None:
    in_train = [r for r in photos(300, "b") if split_of(str(r["sha256"]), "salt") == TRAIN]
    others = [r for r in photos(300, "b") if r not in in_train]
    dataset = built(photos(200, "a"), in_train[:100], others[:12])
    assert failed(dataset) == [UNEVEN]
    require(check_dataset(dataset, DatasetLimits()))
