"""Slots of Dagster's pools that are claimed by runs which are over.

A run in this process that is stopped or killed leaves its slot claimed, and without `make up`
nobody frees it: the next run would wait for ever.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

PROCESS_TAG = "dandelion/process"
"""The process that executes a run itself, as `this_process` names it."""

_START = 19  # of the fields of /proc/PID/stat behind the name: when the process started


def this_process() -> str:
    """Host, number and start of this process; no later process has the same three."""
    return _name_of(os.getpid())


def free_unused_slots(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    """Give runs an end whose process on this host is gone, and free what ended runs still hold.

    Returns:
        The runs that hold slots all the same, for they are still running.
    """
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(started):
        # Dagster gives a retry the tags of the run it repeats, and a process of its own.
        if run.parent_run_id is None and _is_dead(run.tags.get(PROCESS_TAG, "")):
            instance.report_run_canceled(run, "The process of the run is gone.")
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        for slot in storage.get_concurrency_info(pool).claimed_slots:
            holder = instance.get_run_by_id(slot.run_id)
            if holder is None or holder.is_finished:
                storage.free_concurrency_slots_for_run(slot.run_id)
            else:
                yield holder


def _is_dead(process: str) -> bool:
    """Whether a process of this host is gone; of another one, nobody knows here."""
    host, _, rest = process.rpartition(":")[0].rpartition(":")
    return host == socket.gethostname() and rest.isdecimal() and _name_of(int(rest)) != process


def _name_of(number: int) -> str:
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
        start = stat.rpartition(")")[2].split()[_START]
    except OSError:
        start = "" if _is_there(number) else "gone"
    return f"{socket.gethostname()}:{number}:{start}"


def _is_there(number: int) -> bool:
    """Where there is no ``/proc``, as on macOS."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
