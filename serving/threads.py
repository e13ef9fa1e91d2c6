"""Threads that compute step back behind the one that talks to clients.

On a machine whose processors are all busy, Linux gives each thread its share in turn, and a request
that could be turned away at once waits for that turn. A thread with a higher nice value waits
instead. Linux keeps that value for each thread, though POSIX says that it is the process's
(nice(2), under "C library/kernel differences"); other systems leave it alone here.
"""

import os
import sys
from contextlib import suppress

BEHIND = 10
"""By how much the nice value is higher."""


def step_back() -> None:
    """Let the calling thread, and those that it starts, run when no other one wants to."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it; then all are equal, as before
            os.nice(BEHIND)
