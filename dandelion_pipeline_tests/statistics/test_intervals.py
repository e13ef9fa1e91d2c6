from math import sqrt

import pytest

from dandelion_pipeline.statistics.intervals import wilson_interval

Z = 1.959964


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (10, 10), (68, 75), (1, 1)])
def test_the_interval_is_the_one_of_wilsons_formula(hits: int, of: int) -> None:
    share, middle = hits / of, Z**2 / (2 * of)
    half = Z * sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    expected = [(share + middle + side * half) / (1 + 2 * middle) for side in (-1, 1)]
    assert wilson_interval(hits, of) == pytest.approx(expected, abs=1e-6)


def test_of_nothing_there_is_no_share() -> None:
    assert wilson_interval(0, 0) is None
