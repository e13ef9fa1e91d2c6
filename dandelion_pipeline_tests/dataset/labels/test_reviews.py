from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.dataset.labels.reviews import (
    DROPPED,
    Decision,
    Review,
    apply,
    decide,
    latest,
    reviews,
)
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.clean_rows import clean_table

PHOTOS = clean_table({"sha256": name, "label": "a", "name": name} for name in "123456")
BY = {"who": "ann", "why": "seen"}

decisions = st.builds(
    Review,
    number=st.just(1),
    decision=st.sampled_from(["relabel", "drop", "keep"]),
    sha256=st.sampled_from("123456789"),
    label=st.sampled_from("ab"),
    who=st.just("ann"),
    when=st.just("2026-11-01T00:00:00+00:00"),
    why=st.just("seen"),
)


def test_decisions_are_read_in_order_with_who_when_and_why(store_url: str) -> None:
    store = open_store(store_url)
    assert reviews(store) == []
    first = decide(store, "relabel", "1", "b", **BY)
    second = decide(store, "drop", "2", "a", **BY)
    assert reviews(store) == [first, second]
    assert (first.number, first.who, first.why, second.number) == (1, "ann", "seen", 2)
    assert first.when.endswith("+00:00")


def test_decisions_of_many_people_at_once_are_all_kept(store_url: str) -> None:
    store = open_store(store_url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: decide(store, "keep", str(i), "a", **BY), range(12)))
    decided = reviews(store)
    assert [review.number for review in decided] == list(range(1, 13))
    assert {review.sha256 for review in decided} == {str(i) for i in range(12)}


@pytest.mark.parametrize("why", ["", "  ", "x" * 501, "two\nlines"])
def test_a_decision_needs_a_reason_of_one_line(store_url: str, why: str) -> None:
    store = open_store(store_url)
    with pytest.raises(ReviewError, match="--reason"):
        decide(store, "drop", "1", "a", who="ann", why=why)
    assert reviews(store) == []


def test_a_damaged_decision_is_an_error_that_names_it(store_url: str) -> None:
    store = open_store(store_url)
    decide(store, "drop", "1", "a", **BY)
    store.put(layout.review(1), b"damaged")
    with pytest.raises(ReviewError, match=r"00000001\.json"):
        reviews(store)


def test_a_decision_changes_its_photo_and_no_other() -> None:
    decided: list[tuple[Decision, str, str]] = [
        ("relabel", "1", "b"),
        ("drop", "2", "a"),
        ("keep", "3", "a"),
    ]
    made = [
        Review(number=n, decision=d, sha256=s, label=x, who="ann", when="now", why="seen")
        for n, (d, s, x) in enumerate(decided, 1)
    ]
    rows = apply(PHOTOS, latest(made)).to_pylist()
    assert [row["label"] for row in rows] == ["b", "a", "a", "a", "a", "a"]
    assert [row["keep"] for row in rows] == [True, False, True, True, True, True]
    assert rows[1]["drop_reason"] == DROPPED


@given(st.lists(decisions, max_size=8))
def test_the_last_decision_about_a_photo_counts_and_applying_it_again_changes_nothing(
    decided: list[Review],
) -> None:
    once = apply(PHOTOS, latest(decided))
    assert apply(once, latest(decided)) == once
    assert once.schema == PHOTOS.schema
    for before, row in zip(PHOTOS.to_pylist(), once.to_pylist(), strict=True):
        mine = [review for review in decided if review.sha256 == row["sha256"]]
        if not mine:
            assert row == before
        elif mine[-1].decision == "drop":
            assert not row["keep"]
        else:
            assert (row["label"], row["keep"]) == (mine[-1].label, True)


def test_photos_without_decisions_are_not_copied() -> None:
    assert apply(PHOTOS, {}) is PHOTOS
    assert apply(pa.table({"sha256": []}), {}).num_rows == 0
