"""A run launcher that notices when whatever executes a run is gone.

Dagster's `DefaultRunLauncher` starts each run as a process of the code server. That server
notices within a second that a run's process has died, but nobody notices if the server itself is
killed or started anew: its runs would stay STARTED for ever, and keep their slots. Nor does anybody
look after a run that `dandelion run` executes itself.
"""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import grpc
from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from dandelion_pipeline.defs.runs.processes import GONE, ask_to_stop, process_of

_SERVER_TAG = ".dagster/grpc_info"  # written by DefaultRunLauncher
_TIMEOUT_S = 10

LOOKS_AWAY = 60
"""So many looks in a row, 10 minutes, must find no server before its runs are given up."""

LOOKS_BACK = 7
"""So many looks at a server that was away: the daemon loads it again once a minute, and Dagster
tries only once to run again what has failed."""


class Seen(Enum):
    """What a look at a run's code server finds."""

    HAS_THE_RUN = "the code server has the run"
    BUSY = "the code server is busy"
    AWAY = "the code server is not there"
    WITHOUT_THE_RUN = "the code server was started anew"


class Watch:
    """What the looks at one run say, one after the other."""

    def __init__(self) -> None:
        self._away = 0
        self._back = 0

    def look(self, seen: Seen) -> CheckRunHealthResult:
        """Judge the run after another look."""
        if seen is Seen.HAS_THE_RUN:
            self._away = self._back = 0
        if seen is Seen.AWAY:
            self._away, self._back = self._away + 1, 0
        if seen is Seen.WITHOUT_THE_RUN:
            self._back += 1
        gone = self._away >= LOOKS_AWAY and seen is Seen.AWAY
        lost = seen is Seen.WITHOUT_THE_RUN and (not self._away or self._back >= LOOKS_BACK)
        status = WorkerStatus.FAILED if gone or lost else WorkerStatus.RUNNING
        return CheckRunHealthResult(status, seen.value)


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with run monitoring (``run_monitoring`` in ``dagster.yaml``)."""

    _watches: dict[str, Watch]

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the monitor may ask after runs."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started a run whether it still has it, or look for its process.

        A process of another host is taken to be alive: nobody can tell from here.
        """
        server = json.loads(run.tags.get(_SERVER_TAG, "null"))
        if server is None:
            process = process_of(run)
            if process is not None and process.is_gone:
                return CheckRunHealthResult(WorkerStatus.FAILED, GONE)
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it runs outside the code server")
        if not hasattr(self, "_watches"):  # Dagster's own constructor knows nothing of it
            self._watches = {}
        seen = _look(server, run.run_id)
        verdict = self._watches.setdefault(run.run_id, Watch()).look(seen)
        if seen is Seen.HAS_THE_RUN or verdict.status is WorkerStatus.FAILED:
            del self._watches[run.run_id]
        return verdict

    def terminate(self, run_id: str) -> bool:
        """Stop a run: also one that a process of this host executes itself, as Ctrl-C does."""
        run = self._instance.get_run_by_id(run_id)
        process = None if run is None or run.is_finished else process_of(run)
        if run is not None and process is not None and process.is_running:
            self._instance.report_run_canceling(run)
            return ask_to_stop(process)
        return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]


def _look(server: Mapping[str, Any], run_id: str) -> Seen:
    try:
        return Seen.HAS_THE_RUN if _knows(_client(server), run_id) else Seen.WITHOUT_THE_RUN
    except DagsterUserCodeUnreachableError as error:
        cause = error.__cause__
        away = isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNAVAILABLE
        return Seen.AWAY if away else Seen.BUSY


def _client(server: Mapping[str, Any]) -> DagsterGrpcClient:
    return DagsterGrpcClient(
        host=server["host"],
        port=server.get("port"),
        socket=server.get("socket"),
        use_ssl=bool(server.get("use_ssl")),
    )


def _knows(client: DagsterGrpcClient, run_id: str) -> bool:
    request = CanCancelExecutionRequest(run_id=run_id)
    answer = client.can_cancel_execution(request, timeout=_TIMEOUT_S)
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel
