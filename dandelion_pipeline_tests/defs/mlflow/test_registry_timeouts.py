"""MLflow that is away, silent, ill or locked: the registry is given up, and the release stays."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dandelion_pipeline.defs.mlflow import registry, timeouts
from dandelion_pipeline.defs.mlflow.registry import mirror
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.servers.processes import free_port


@contextmanager
def a_server_that(health: int | None) -> Iterator[str]:
    """One that answers to /health (or not even that), and then no more."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/health" or health is None:
                over.wait()
            self.send_response(health or 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refused(settings: Settings, store: Store) -> tuple[str, float]:
    """What the failure says, and how many seconds it took to come."""
    started = time.monotonic()
    with pytest.raises(TrackingUnavailable) as caught:
        mirror(settings, store)
    return str(caught.value), time.monotonic() - started


def test_who_is_not_there_is_not_waited_for(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    away = f"http://ada:secret@127.0.0.1:{free_port()}"
    message, seconds = refused(Settings(home=embedded.home, mlflow_tracking_uri=away), folder)
    assert seconds < 3
    assert "/health does not answer" in message
    assert "MLFLOW_TRACKING_URI" in message
    assert "secret" not in message
    assert log.live(folder).version == "first"


def test_silence_is_given_up(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timeouts.PROBE_S < registry.TIMEOUT_S < 15
    monkeypatch.setattr(timeouts, "PROBE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts, and never answers
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        _, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert 0.4 < seconds < 3


@pytest.mark.parametrize("health", [200, 404])
def test_a_server_that_hangs_later_is_given_up_too(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch, health: int
) -> None:
    monkeypatch.setattr(registry, "TIMEOUT_S", 1.0)
    with a_server_that(health) as uri:
        message, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert "it took more than 1 seconds" in message
    assert seconds < 3


def test_a_server_that_is_ill_is_not_waited_for(embedded: Settings, folder: Store) -> None:
    with a_server_that(503) as uri:
        _, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert seconds < 3


def test_a_database_that_cannot_be_opened_is_not_waited_for(tmp_path: Path, folder: Store) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough for a header" * 9)
    message, seconds = refused(Settings(home=tmp_path, mlflow_tracking_uri=""), folder)
    assert "file is not a database" in message
    assert seconds < 3


def test_a_locked_database_is_given_up(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    publish(folder, "second")
    monkeypatch.setattr(registry, "TIMEOUT_S", 1.0)
    with closing(sqlite3.connect(embedded.folder / "mlflow.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        message, seconds = refused(embedded, folder)
        other.rollback()
    assert "it took more than 1 seconds" in message
    assert seconds < 3
    assert log.live(folder).version == "second"
