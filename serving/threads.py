"""Threads that compute step back behind the one that talks to clients.

On a machine whose processors are all busy, Linux gives each thread its share in turn, and a request
that could be turned away at once waits for that turn. A thread with a higher nice value waits
instead. Linux keeps that value for each thread, though POSIX says that it is the process's
(nice(2), under "C library/kernel differences"); other systems leave it alone here.

The value is a compromise: other processes have 0, and a training beside the API would leave a
thread at 10 a tenth of a processor (sched(7): each step is a factor of 1.25). As batch threads,
those that compute never take a processor from one that runs when they wake up, whatever the value.
"""

import os
import sys
from contextlib import suppress

BEHIND = 5
"""By how much the nice value is higher."""


def step_back() -> None:
    """Let the calling thread, and those that it starts, run when no other one wants to."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it; then all are equal, as before
            os.nice(BEHIND)
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # of this thread
