import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.storage import ahead
from dandelion_pipeline.storage.ahead import CONCURRENCY, Room, run_ahead


@given(st.lists(st.integers(), max_size=200))
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    assert list(run_ahead(lambda item: item * 2, items)) == [item * 2 for item in items]


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

    list(run_ahead(call, range(4 * CONCURRENCY)))
    assert most == CONCURRENCY


def test_items_are_pulled_only_as_there_is_room_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "MEMORY", 100)
    pulled = 0

    def items() -> Iterator[bytes]:
        nonlocal pulled
        for _ in range(50):
            pulled += 1
            yield bytes(40)

    results = run_ahead(len, items(), size_of=len)
    next(results)
    assert pulled <= 3  # two are under way, and the third waits in the caller's hand
    assert sum(results) == 49 * 40


def test_one_item_that_is_larger_than_the_memory_still_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "MEMORY", 10)
    assert list(run_ahead(len, [bytes(1), bytes(1_000), bytes(2)], size_of=len)) == [1, 1_000, 2]


def test_the_first_failure_ends_it_and_drops_what_has_not_begun() -> None:
    called: list[int] = []

    def call(item: int) -> int:
        called.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    results = run_ahead(call, range(10_000), concurrency=2)
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
        list(run_ahead(lambda item: done.set(), items()))
    assert done.is_set()


def test_who_stops_listening_stops_the_work() -> None:
    results = run_ahead(lambda item: item, iter(range(10_000)))
    assert next(results) == 0
    results.close()
    assert list(results) == []


def test_the_first_call_gets_room_even_if_others_hold_it_all() -> None:
    room = Room(limit=10)
    assert room.enter(1, 10, wait=False)
    assert not room.enter(2, 1, wait=False)
    assert room.enter(0, 50, wait=False)
    room.leave(0)
    room.leave(1)
    assert room.enter(2, 50, wait=False)  # first now


@pytest.mark.parametrize("free", [lambda room: room.leave(0), lambda room: room.close()])
def test_who_waits_for_room_gets_it_when_it_is_freed(free: object) -> None:
    room = Room(limit=10)
    room.enter(0, 10, wait=True)
    waiting = threading.Thread(target=room.enter, args=(1, 10), kwargs={"wait": True})
    waiting.start()
    assert waiting.is_alive()
    assert callable(free)
    free(room)
    waiting.join(30)
    assert not waiting.is_alive()
