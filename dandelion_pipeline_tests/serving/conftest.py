"""APIs on real sockets, in this process: the tests speak HTTP to them as anybody would."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from dandelion_pipeline.storage.store import Store, open_store
from dandelion_pipeline_tests import tiny_models
from serving.app import create_app
from serving.settings import Settings

StartApi = Callable[..., httpx.Client]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def start_api(store: Store) -> Iterator[StartApi]:
    """Starts an API on the store; its settings are the keyword arguments."""
    with ExitStack() as started:

        def start(**settings: object) -> httpx.Client:
            chosen = {"store_url": store.url, "poll_seconds": 0.05, **settings}
            url = started.enter_context(_serving(Settings.model_validate(chosen)))
            return started.enter_context(httpx.Client(base_url=url, trust_env=False))

        yield start


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    """An API with one live model, ``first``, and no keys."""
    tiny_models.publish(store, "first")
    return start_api()


@contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    config = uvicorn.Config(create_app(settings), ws="none", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_until(lambda: server.started or not thread.is_alive())
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait_until(condition: Callable[[], object], patience: float = 10) -> None:
    """Return as soon as a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
