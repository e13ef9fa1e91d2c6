"""Calls in flight, in order, with a bound on their number and on the bytes that they hold."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

CONCURRENCY = 32
"""Requests at once. 32 wrote and read a tenth to a third more a second than 16 on loopback."""

MEMORY = 64 * 2**20
"""Bytes of objects in flight or waiting to be taken; one larger object may exceed it."""

T = TypeVar("T")
R = TypeVar("R")


def run_ahead(
    function: Callable[[T], R],
    items: Iterable[T],
    size_of: Callable[[T], int] = lambda item: 0,
    *,
    concurrency: int = CONCURRENCY,
) -> Generator[R, None, None]:
    """Call a function on each item in threads; results come in the order of the items.

    Items are pulled as they are needed, so an iterator of large ones never lies in memory
    whole. The first call that raises ends it: what has not begun is dropped. If it is the
    iterator that raises, what was pulled before is still done.

    Args:
        function: what to call; it is called in other threads.
        items: pulled in the caller's thread.
        size_of: how many bytes an item holds until its call has returned.
        concurrency: how many calls at once.
    """
    waiting: deque[tuple[Future[R], int]] = deque()
    held = 0
    with ThreadPoolExecutor(concurrency) as pool:
        for item in items:
            size = size_of(item)
            while waiting and (len(waiting) >= 2 * concurrency or held + size > MEMORY):
                result, freed = _take_first(waiting)
                yield result
                held -= freed
            waiting.append((pool.submit(function, item), size))
            held += size
        while waiting:
            yield _take_first(waiting)[0]


def _take_first(waiting: deque[tuple[Future[R], int]]) -> tuple[R, int]:
    future, size = waiting.popleft()
    try:
        return future.result(), size
    except BaseException:
        for other, _ in waiting:
            other.cancel()
        raise


class Room:
    """Bytes that calls may hold until their results are taken.

    Calls are numbered in the order in which their results will be taken. The first of those
    that are not taken yet always gets in, so the others never wait for nothing.
    """

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._held: dict[int, int] = {}
        self._first = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self, number: int, size: int, *, wait: bool) -> bool:
        """Take room for a call. False if there is none and the call would not wait."""
        with self._changed:
            while not self._fits(number, size):
                if not wait:
                    return False
                self._changed.wait()
            self._held[number] = size
            return True

    def leave(self, number: int) -> None:
        """The result of a call has been taken; the next one is first now."""
        with self._changed:
            self._held.pop(number, None)
            self._first = number + 1
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody takes results any more: let everybody in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, number: int, size: int) -> bool:
        held = sum(self._held.values())
        return self._closed or number == self._first or held + size <= self._limit
