"""One look of Dagster's daemon at a sensor or schedule, in a process that may be killed in it.

Run as a program, it imports Dagster once, then reads one JSON command a line, does each in a
child that it forks, and answers with the child's exit code.

The steps are those at which Dagster's own tests kill its daemon: the tick is created, the run is
created, the run is launched.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon import sensor as sensors
from dagster._scheduler import scheduler

STEPS = ["TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED"]


class Daemon:
    """Does what it is told, and tells how it ended."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self._port = port

    def look(
        self, kind: str, name: str, *, die_at: str | None = None, at: datetime | None = None
    ) -> int:
        """One look at all sensors or all schedules; 0, or -9 if it died at a step of one."""
        command = {"kind": kind, "name": name, "die_at": die_at, "port": self._port}
        line = json.dumps({**command, "at": at.isoformat() if at else None})
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def daemon(env: Mapping[str, str], port: int) -> Iterator[Daemon]:
    """A daemon for the instance of ``DAGSTER_HOME`` and the code server at a port."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Daemon(process, port)
        finally:
            process.kill()


def main() -> None:
    """Read commands until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _look(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _look(command: Mapping[str, Any]) -> None:
    flags = {command["name"]: {command["die_at"]: signal.SIGKILL}} if command["die_at"] else None
    log = logging.getLogger("daemon")
    target = GrpcServerTarget("127.0.0.1", command["port"], None, "dandelion")
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as context:
        if command["kind"] == "sensor":
            sensors.is_under_min_interval = lambda *_: False
            for _ in sensors.execute_sensor_iteration(context, log, None, None, None, flags):
                pass
            return
        until = datetime.fromisoformat(command["at"])
        for _ in scheduler.launch_scheduled_runs(
            context, log, until, iteration_times={}, debug_crash_flags=flags
        ):
            pass


if __name__ == "__main__":
    main()
