"""Dagster's code server, as a service that can be restarted."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from dagster._grpc.client import DagsterGrpcClient

from dandelion_pipeline_tests.stack.services import Service

ROOT = Path(__file__).parents[2]


def code_server_at(port: int, module: str, env: Mapping[str, str]) -> Service:
    """The server of one module's definitions, on loopback; tests have such modules too."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "api", "grpc"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--working-directory", str(ROOT)]
    command += [*where, "--module-name", module]
    return Service("dagster-code", command, env, lambda _: _is_serving(port))


def _is_serving(port: int) -> bool:
    client = DagsterGrpcClient(port=port, host="127.0.0.1")
    with redirect_stdout(StringIO()):  # it prints why not, at length
        return bool(client.health_check_query() == "SERVING")  # type: ignore[no-untyped-call]
