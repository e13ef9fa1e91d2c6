"""A run launcher that notices when the code server, and its runs with it, are gone.

Dagster's `DefaultRunLauncher` starts each run as a process of the code server. That server
notices within a second that a run's process has died, but nobody notices if the server itself is
killed or started anew: its runs would stay STARTED for ever, and keep their slots.
"""

import json
from collections.abc import Mapping
from typing import Any

import grpc
from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

_SERVER_TAG = ".dagster/grpc_info"  # written by DefaultRunLauncher
_TIMEOUT_S = 10
_LOOKS = 2
"""So many looks in a row must find no server before its runs are given up: 20 to 40 seconds."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with run monitoring (``run_monitoring`` in ``dagster.yaml``)."""

    _unseen: dict[str, int]

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the monitor may ask after runs."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started a run whether it still has it."""
        server = json.loads(run.tags.get(_SERVER_TAG, "null"))
        if server is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it runs outside the code server")
        try:
            known = _knows(_client(server), run.run_id)
        except DagsterUserCodeUnreachableError as error:
            return self._not_there(run.run_id, error)
        self._missed().pop(run.run_id, None)
        if known:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the code server was started anew")

    def _not_there(
        self, run_id: str, error: DagsterUserCodeUnreachableError
    ) -> CheckRunHealthResult:
        cause = error.__cause__
        if not isinstance(cause, grpc.RpcError) or cause.code() is not grpc.StatusCode.UNAVAILABLE:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server is busy")
        looks = self._missed()[run_id] = self._missed().get(run_id, 0) + 1
        if looks < _LOOKS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server is not there")
        return CheckRunHealthResult(WorkerStatus.FAILED, "the code server is gone, and its runs")

    def _missed(self) -> dict[str, int]:
        if not hasattr(self, "_unseen"):  # Dagster's own constructor knows nothing of it
            self._unseen = {}
        return self._unseen


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
