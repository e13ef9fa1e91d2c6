"""What tests of photos share: a web server that fails on demand."""

import threading
from collections.abc import Iterator

import pytest

from dandelion_pipeline_tests.ingest.sources.web_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers from a table of pages."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
