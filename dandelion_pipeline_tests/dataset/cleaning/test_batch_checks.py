import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance
from dandelion_pipeline.dataset.cleaning.batch_checks import (
    BRIGHTNESS_DRIFT,
    CLASS_DRIFT,
    DRIFTS,
    SIZE_DRIFT,
    BatchLimits,
    check_drift,
    check_rejections,
    failed,
    require,
)
from dandelion_pipeline.errors import CheckFailed

LIMITS = BatchLimits()


def files(accepted: int, rejected: int) -> pa.Table:
    rows = [{"status": "accepted", "name": f"{i}.jpg", "detail": ""} for i in range(accepted)]
    rows += [
        {"status": "rejected", "name": f"{i}.txt", "detail": "no image"} for i in range(rejected)
    ]
    return pa.Table.from_pylist(rows) if rows else pa.Table.from_pydict({"status": [], "name": []})


def photos(a: int = 20, b: int = 20, *, side: int = 400, brightness: float = 120.0) -> pa.Table:
    labels = ["a"] * a + ["b"] * b
    rows = [
        {"label": label, "width": side, "height": side, "brightness": brightness}
        for label in labels
    ]
    return pa.Table.from_pylist(rows)


def stopped_by(day: pa.Table, before: pa.Table) -> list[str]:
    return [f.check for f in check_drift(day, before, LIMITS) if not f.passed]


@pytest.mark.parametrize(
    ("accepted", "rejected", "passes"),
    [
        (0, 0, True),
        (100, 0, True),
        (0, 5, True),  # few
        (0, 6, False),
        (24, 6, True),  # exactly the bound
        (23, 6, False),
    ],
)
def test_a_day_is_stopped_by_too_many_rejected_files(
    accepted: int, rejected: int, *, passes: bool
) -> None:
    finding = check_rejections(files(accepted, rejected), LIMITS)
    assert finding.passed is passes
    assert f"{rejected} of {accepted + rejected} files were rejected" in finding.says


def test_a_failed_check_says_its_name_the_figure_the_bound_and_an_example() -> None:
    finding = check_rejections(files(0, 8), LIMITS)
    assert failed([finding]) == (
        "8 of 8 files were rejected, such as 0.txt: no image "
        "(rejection_rate 1, allowed is at most 0.2)"
    )


def test_a_day_like_the_one_before_passes() -> None:
    assert stopped_by(photos(), photos(side=300, brightness=140.0)) == []


def test_much_darker_photos_stop_a_day() -> None:
    assert stopped_by(photos(brightness=30.0), photos()) == [BRIGHTNESS_DRIFT]


@pytest.mark.parametrize("side", [90, 1700])
def test_photos_of_another_size_stop_a_day(side: int) -> None:
    assert stopped_by(photos(side=side), photos()) == [SIZE_DRIFT]


def test_other_class_shares_stop_a_day() -> None:
    assert stopped_by(photos(a=40, b=0), photos(a=0, b=40)) == [CLASS_DRIFT]
    (finding,) = [f for f in check_drift(photos(40, 0), photos(), LIMITS) if f.check == CLASS_DRIFT]
    assert finding.figure == pytest.approx(0.5)
    assert finding.passed


@pytest.mark.parametrize("before", [None, photos(10, 9, brightness=0.0)])
def test_a_day_that_cannot_be_compared_passes_and_says_so(before: pa.Table | None) -> None:
    findings = check_drift(photos(), before, LIMITS)
    assert [f.check for f in findings] == list(DRIFTS)
    assert all(f.passed for f in findings)
    assert findings[0].says in {"nothing to compare with", "19 photos are too few"}


@given(st.integers(20, 60), st.integers(0, 60), st.integers(20, 60), st.integers(0, 60))
def test_drift_is_the_same_in_both_directions(a: int, b: int, c: int, d: int) -> None:
    one = check_drift(photos(a, b), photos(c, d), LIMITS)
    other = check_drift(photos(c, d), photos(a, b), LIMITS)
    assert [f.figure for f in one] == pytest.approx([f.figure for f in other])


def test_a_stopped_day_is_refused_until_somebody_accepts_it() -> None:
    findings = [check_rejections(files(0, 8), LIMITS)]
    with pytest.raises(CheckFailed, match=r"2026-11-01.*rejection_rate 1, allowed") as stopped:
        require("2026-11-01", findings, None)
    assert "dandelion images accept 2026-11-01" in stopped.value.remedy
    word = Acceptance(day="2026-11-01", who="ann", when="2026-11-02T00:00:00Z", why="seen")
    require("2026-11-01", findings, word)
