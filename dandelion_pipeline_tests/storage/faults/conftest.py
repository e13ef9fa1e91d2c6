"""A store on a real S3 server, behind a proxy that does harm."""

from collections.abc import Iterator

import pytest

from dandelion_pipeline.storage.objects.location import S3Options, open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy, fault_proxy
from dandelion_pipeline_tests.servers.seaweedfs import S3Server


@pytest.fixture
def direct(s3_url: str) -> Store:
    """The store without the proxy."""
    return open_store(s3_url)


@pytest.fixture
def proxy(s3_server: S3Server, direct: Store) -> Iterator[FaultProxy]:
    upstream = s3_server.environment["AWS_ENDPOINT_URL"]
    with fault_proxy(upstream, latency=0.05, pause=0.01) as running:
        yield running


@pytest.fixture
def store(proxy: FaultProxy, direct: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same store, through the proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    return open_store(direct.url)


@pytest.fixture
def hasty_store(store: Store) -> Store:
    """It gives up sooner, so that this file does not take minutes."""
    return open_store(store.url, S3Options(max_attempts=3))
