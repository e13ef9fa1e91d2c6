"""APIs on real sockets, in this process: the tests speak HTTP to them as anybody would."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
import uvicorn

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models
from serving.app import create_app
from serving.middleware.connections import BoundedProtocol
from serving.process.server import server_config
from serving.settings import Settings

StartApi = Callable[..., httpx.Client]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def start_api(store: Store) -> Iterator[StartApi]:
    """Starts an API on the test's own store; its settings are the keyword arguments."""
    with ExitStack() as started:
        yield lambda **settings: started.enter_context(api_on(store, **settings))


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An API with one live model, ``first``, and no keys; all tests share it."""
    store = open_store((tmp_path_factory.mktemp("shared") / "store").as_uri())
    tiny_models.publish(store, "first")
    with api_on(store) as client:
        yield client


@contextmanager
def api_on(
    store: Store, protocol: type[BoundedProtocol] = BoundedProtocol, **settings: object
) -> Iterator[httpx.Client]:
    """An API on a store, and a client that knows its address and no key."""
    with (
        TemporaryDirectory() as home,
        _serving(_settings(store, **{"home": home, **settings}), protocol) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def _settings(store: Store, **chosen: object) -> Settings:
    return Settings.model_validate({"store_url": store.url, "poll_seconds": 0.05, **chosen})


@contextmanager
def _serving(settings: Settings, protocol: type[BoundedProtocol]) -> Iterator[str]:
    server = uvicorn.Server(server_config(create_app(settings), protocol))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_until(lambda: server.started or not thread.is_alive())
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait_until(condition: Callable[[], object], timeout: float = 10) -> None:
    """Return as soon as a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
