import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.storage import prefetch
from dandelion_pipeline.storage.prefetch import CONCURRENCY, ByteBudget, ordered_parallel_map


@given(st.lists(st.integers(), max_size=200))
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    assert list(ordered_parallel_map(lambda item: item * 2, items)) == [item * 2 for item in items]


def test_no_more_calls_run_at_once_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    everyone = threading.Barrier(CONCURRENCY)

    def call(item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        everyone.wait(30)  # passes only if as many as allowed do run at once
        with lock:
            running -= 1

    list(ordered_parallel_map(call, range(4 * CONCURRENCY)))
    assert most == CONCURRENCY


def test_items_are_pulled_only_as_there_is_room_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "MEMORY", 100)
    pulled = 0

    def items() -> Iterator[bytes]:
        nonlocal pulled
        for _ in range(50):
            pulled += 1
            yield bytes(40)

    results = ordered_parallel_map(len, items(), size_of=len)
    next(results)
    assert pulled <= 3  # two are under way, and the third waits in the caller's hand
    assert sum(results) == 49 * 40


def test_one_item_that_is_larger_than_the_memory_still_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefetch, "MEMORY", 10)
    assert list(ordered_parallel_map(len, [bytes(1), bytes(1_000), bytes(2)], size_of=len)) == [
        1,
        1_000,
        2,
    ]


def test_the_first_failure_ends_it_and_drops_what_has_not_begun() -> None:
    called: list[int] = []

    def call(item: int) -> int:
        called.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    results = ordered_parallel_map(call, range(10_000), concurrency=2)
    seen = []
    with pytest.raises(ValueError, match="three"):  # noqa: PT012
        for result in results:
            seen.append(result)  # noqa: PERF402
    assert seen == [0, 1, 2]
    assert len(called) < 20


def test_what_was_pulled_before_the_items_fail_is_still_done() -> None:
    done = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ordered_parallel_map(lambda item: done.set(), items()))
    assert done.is_set()


def test_who_stops_listening_stops_the_work() -> None:
    called: list[int] = []

    def call(item: int) -> int:
        called.append(item)
        time.sleep(0.05)
        return item

    results = ordered_parallel_map(call, iter(range(10_000)), concurrency=2)
    assert next(results) == 0
    results.close()
    assert list(results) == []
    assert len(called) <= 4  # of those that were pulled, none has begun since


def test_after_a_failure_no_call_begins_however_long_the_others_take() -> None:
    called: list[int] = []
    everyone = threading.Barrier(4)

    def call(item: int) -> None:
        called.append(item)
        everyone.wait(30)
        raise ValueError("all four at once")

    with pytest.raises(ValueError, match="all four"):
        list(ordered_parallel_map(call, range(100), concurrency=4))
    assert len(called) <= 7  # each thread may have looked just before the first failed


def test_room_is_given_to_those_who_fit_and_given_back() -> None:
    budget = ByteBudget(limit=10)
    assert budget.enter(6)
    assert not budget.enter(5)
    assert budget.enter(4)
    budget.leave(6)
    assert budget.enter(5)


def test_a_program_ends_though_its_results_were_never_taken() -> None:
    """Threads that waited for a reader would be joined for ever when the interpreter ends."""
    program = (
        "import tempfile, pathlib\n"
        "from dandelion_pipeline.storage import prefetch\n"
        "from dandelion_pipeline.storage.objects.location import open_store\n"
        "store = open_store(pathlib.Path(tempfile.mkdtemp()).as_uri())\n"
        "keys = [f'{n}' for n in range(100)]\n"
        "list(store.put_many((key, bytes(2_000_000)) for key in keys))\n"
        "results = store.get_many(keys)\n"
        "next(results)\n"
        "raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 7
