import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.training.config import Precision
from dandelion_pipeline.training.optimization import threads
from dandelion_pipeline.training.optimization.precision import Arithmetic
from dandelion_pipeline.training.optimization.threads import (
    Threads,
    Usage,
    cores_of_others,
    threads_beside,
)

BF16 = Arithmetic(torch.device("cpu"), Precision.BF16)
SECONDS = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("others", "cores", "most", "expected"),
    [
        (0.0, 2, 2, 2),
        (0.3, 2, 2, 2),  # a page that somebody reads is no reason to give up half of the speed
        (0.7, 2, 2, 1),  # another process, which shares its core with one of our threads
        (2.0, 2, 2, 1),
        (8.0, 8, 4, 1),
        (0.0, 64, 2, 2),  # a container that may use two of many cores
        (60.0, 64, 2, 2),
        (3.0, 8, 8, 5),
    ],
)
def test_there_are_as_many_threads_as_free_cores(
    others: float, cores: int, most: int, expected: int
) -> None:
    assert threads_beside(others, cores, most) == expected


@given(st.floats(0, 100), st.integers(1, 64), st.integers(1, 64))
def test_there_is_always_a_thread_and_never_more_than_allowed(
    others: float, cores: int, most: int
) -> None:
    assert 1 <= threads_beside(others, cores, most) <= most
    assert threads_beside(others + 1, cores, most) <= threads_beside(others, cores, most)


@given(SECONDS, SECONDS, SECONDS, st.floats(0.1, 100))
def test_what_the_process_uses_itself_is_not_counted(
    everything: float, own: float, mine: float, passed: float
) -> None:
    before = Usage(everything, own, 0)
    after = Usage(everything + mine, own + mine, passed)
    assert cores_of_others(before, after) == pytest.approx(0, abs=1e-6 * (1 + everything + own))


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux says it")
def test_what_linux_counts_grows_with_what_the_process_does() -> None:
    before = Usage.now()
    assert before is not None
    while sum(os.times()[:2]) - before.own < 0.1:
        sum(range(10_000))
    after = Usage.now()
    assert after is not None
    assert after.all > before.all
    assert after.own > before.own


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("arithmetic", "inside"),
    [(BF16, 1), (Arithmetic(torch.device("cpu"), Precision.FP32), 2)],
)
def test_only_kernels_that_spin_give_way_to_others_and_outside_all_threads_are_back(
    arithmetic: Arithmetic, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([Usage(0, 0, -10), Usage(100, 0, 0)])  # ten cores are busy
    monkeypatch.setattr(threads.Usage, "now", lambda: next(looks))
    with Threads(arithmetic):
        assert torch.get_num_threads() == inside
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_where_the_system_says_nothing_all_threads_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(threads, "_STATISTICS", tmp_path / "stat")
    with Threads(BF16):
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_number_of_threads_that_somebody_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    looks = iter([Usage(0, 0, -10), Usage(100, 0, 0)])
    monkeypatch.setattr(threads.Usage, "now", lambda: next(looks))
    with Threads(BF16):
        assert torch.get_num_threads() == 2
