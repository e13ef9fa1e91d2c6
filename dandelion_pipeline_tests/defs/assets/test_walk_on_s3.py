"""The same walk with the store on S3: nothing in it may need a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.defs.assets.test_walk import TINY
from dandelion_pipeline_tests.defs.conftest import Place, use_home
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy, fault_proxy
from dandelion_pipeline_tests.servers.seaweedfs import S3Server

SAMPLE = SampleSpec(per_class=30, size=(64, 48))


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy that does no harm and notes every request."""
    with fault_proxy(s3_server.environment["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def place(s3_url: str, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An embedded home with its store in the bucket, behind the proxy."""
    use_home(monkeypatch, tmp_path)
    monkeypatch.setenv("DANDELION_STORE_URL", s3_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    settings = load_settings()
    return Place(settings, open_store(settings.store), Pipeline(settings))


def ingest(place: Place) -> None:
    import_photos(place.store, open_source("sample", sample=SAMPLE), DAY)
    place.pipeline.ingest(DAY)


@pytest.mark.stack
def test_photos_become_a_live_model_in_a_bucket_and_again_without_a_put(
    place: Place, proxy: FaultProxy
) -> None:
    ingest(place)
    version = place.pipeline.train(TINY)
    live = log.live(place.store)
    assert live.version == version
    open_bundle(place.store, version, live.manifest_sha256).verify()
    deleted = [request.path for request in proxy.requests if request.method == "POST"]
    assert all(path.endswith("?delete") for path in deleted)
    for left in (layout.CHECKPOINTS, layout.PARTS):  # of the steps that ended
        assert not place.store.list_objects(left)
    assert {request.method for request in proxy.requests} == {"GET", "HEAD", "PUT", "POST"}
    proxy.requests.clear()
    ingest(place)
    assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}
    assert not any(Path(os.environ["DANDELION_HOME"]).glob("store*"))
