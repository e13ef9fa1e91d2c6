"""Which process executes a run that did not come out of Dagster's queue, and what ends with it.

Dagster watches the runs that its code server started, and no others: a `dandelion run` that was
killed would be STARTED for ever, and hold its pool.
"""

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import dagster as dg

PROCESS_TAG = "dandelion/process"
"""The process that executes a run itself, as `this_process` names it."""

NO_RETRY = {"dagster/max_retries": "0"}
"""Dagster cannot start such a run again: it would note that it will, and raise no alert."""

_STATUSES = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_START = 19  # of the fields of /proc/PID/stat behind the name: when the process started
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """A process; no other one, earlier or later, has the same four."""

    host: str
    boot: str
    """Of the host's kernel; nothing where there is no ``/proc``, as on macOS."""

    pid: int
    start: str
    """In clock ticks since the boot; nothing where there is no ``/proc``."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process of this host that has a number now."""
        return cls(socket.gethostname(), _boot(), pid, _start(pid))

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Read what `str` gave; earlier versions left the boot out. None for anything else."""
        parts = name.split(":")
        if len(parts) == len(("host", "pid", "start")):
            parts.insert(1, "")
        if len(parts) != len(("host", "boot", "pid", "start")) or not parts[2].isdecimal():
            return None
        return cls(parts[0], parts[1], int(parts[2]), parts[3])

    def __str__(self) -> str:
        return f"{self.host}:{self.boot}:{self.pid}:{self.start}"

    @property
    def is_here(self) -> bool:
        """Whether it would be seen from here; of the processes of another host, nobody knows."""
        return self.host == socket.gethostname()

    @property
    def is_gone(self) -> bool:
        """Whether it is of this host, and has ended: by itself, or with the host's last boot."""
        if not self.is_here:
            return False
        if self.boot and self.boot != _boot():
            return True
        return not _exists(self.pid) or _start(self.pid) != self.start

    @property
    def is_running(self) -> bool:
        """Whether it surely is the process of this host that has its number now."""
        return self.is_here and bool(self.boot) and bool(self.start) and not self.is_gone


def this_process() -> str:
    """Host, boot, number and start of this process."""
    return str(Process.of(os.getpid()))


def process_of(run: dg.DagsterRun) -> Process | None:
    """The process that executes a run itself; None if Dagster started one for it.

    Dagster gives a retry the tags of the run that it repeats, and a process of its own.
    """
    return None if run.parent_run_id else Process.parse(run.tags.get(PROCESS_TAG, ""))


def end_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Give runs an end whose process on this host is gone, and free their slots.

    Returns:
        These runs: failed, or cancelled if somebody had asked for that.
    """
    dead = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_STATUSES)):
        process = process_of(run)
        if process is None or not process.is_gone:
            continue
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, GONE)
        else:
            instance.report_run_failed(run, GONE)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        dead.append(run)
    return dead


GONE = "The process of the run is gone: it was killed, or its machine was started anew."


def ask_to_stop(process: Process) -> bool:
    """Stop a process as Ctrl-C does. False if that cannot be done from here."""
    if not process.is_running:
        return False
    os.kill(process.pid, signal.SIGTERM)
    return True


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _start(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START]
    except OSError:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
