import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.images.near_duplicates.clusters import Pairs, isolated

FARTHEST = 0.12


def clusters(things: int, links: list[tuple[int, int, float]], ratio: float) -> set[frozenset[int]]:
    first, second, distance = zip(*links, strict=True)
    pairs = Pairs(np.array(first), np.array(second), np.array(distance, np.float32))
    number = isolated(things, pairs, ratio, FARTHEST, far_away=0.3)
    return {
        frozenset(np.flatnonzero(number == one).tolist())
        for one in np.unique(number)
        if (number == one).sum() > 1
    }


def test_what_is_close_and_far_from_all_others_is_a_cluster() -> None:
    links = [(0, 1, 0.01), (1, 2, 0.02), (3, 4, 0.01), (2, 3, 0.2)]
    assert clusters(6, links, ratio=5) == {frozenset({0, 1, 2}), frozenset({3, 4})}


def test_where_the_next_one_is_nearly_as_close_nothing_is_a_cluster() -> None:
    assert clusters(4, [(0, 1, 0.05), (1, 2, 0.06), (2, 3, 0.07)], ratio=5) == set()


@pytest.mark.parametrize("things", [40, 400])
def test_what_holds_for_much_of_a_set_is_no_cluster(things: int) -> None:
    many = things // 3
    alike = [(one, one + 1, 0.01) for one in range(many)]
    assert clusters(things, [*alike, (things - 2, things - 1, 0.01)], ratio=5) == {
        frozenset({things - 2, things - 1})
    }


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.0001, 0.3)),
        min_size=1,
        max_size=40,
    ),
    st.floats(2, 20),
)
def test_a_cluster_stands_off_whatever_the_order_of_its_pairs(
    links: list[tuple[int, int, float]], ratio: float
) -> None:
    found = clusters(12, links, ratio)
    assert clusters(12, links[::-1], ratio) == found
    for one in found:
        inside = [d for a, b, d in links if a in one and b in one]
        leaving = [d for a, b, d in links if (a in one) != (b in one)]
        assert min(inside) <= FARTHEST
        assert all(far >= ratio * min(inside) * 0.999 for far in leaving)
