"""SIGTERM, and SIGHUP of a terminal that is closed, stop a command as Ctrl-C does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LIKE_CTRL_C = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """Within the body; a signal that is ignored, as SIGHUP is below ``nohup``, stays ignored.

    Both would end the process at once otherwise, and its run would be STARTED for ever.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other do it
        yield
        return
    before = {number: signal.getsignal(number) for number in _LIKE_CTRL_C}
    for number, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, frame: FrameType | None) -> None:
    """Do what SIGINT does now: Dagster has a handler of its own while a run goes on."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # ignored, as in a shell's background
        raise KeyboardInterrupt
