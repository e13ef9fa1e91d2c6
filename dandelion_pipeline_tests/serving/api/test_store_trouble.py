"""The S3 server behind a running API stops, hangs, errs or forgets: answers go on, truthfully."""

from collections.abc import Iterator

import httpx
import pytest

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.tiny_models import photo, publish
from dandelion_pipeline_tests.servers.fault_plans import Fault, Request
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy, fault_proxy
from dandelion_pipeline_tests.servers.seaweedfs import S3Server
from dandelion_pipeline_tests.serving.conftest import api_on, wait_until

TIMEOUT = 60  # a hung store is given up after some 13 seconds


class Trouble:
    """A plan that lets every request suffer the same, from when it is set."""

    fault: Fault | None = None

    def __call__(self, request: Request) -> Fault | None:
        return self.fault


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def proxy(s3_server: S3Server, trouble: Trouble) -> Iterator[FaultProxy]:
    with fault_proxy(s3_server.environment["AWS_ENDPOINT_URL"], trouble) as proxy:
        yield proxy


@pytest.fixture
def api(s3_url: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """An API with a live model, whose way to the store leads through the proxy."""
    publish(open_store(s3_url), "first")
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    with api_on(open_store(s3_url)) as api:
        yield api


def metric(api: httpx.Client, name: str) -> float:
    lines = api.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def assert_it_answers(api: httpx.Client, *, current: bool) -> None:
    answer = api.post("/predict", files={"file": photo()})
    assert (answer.json()["label"], answer.json()["model"]["version"]) == ("dandelion", "first")
    assert api.get("/readyz").json() == {"ready": True, "version": "first", "current": current}
    assert metric(api, "dandelion_model_loaded") == 1
    assert metric(api, "dandelion_model_current") == current
    assert metric(api, "dandelion_store_reachable") == current
    assert (api.get("/model").json()["trouble"] is None) is current


@pytest.mark.timeout(180)
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.ERROR_500, Fault.HANG])
def test_while_the_store_is_away_the_loaded_model_answers_and_the_api_says_so(
    api: httpx.Client, trouble: Trouble, fault: Fault
) -> None:
    assert_it_answers(api, current=True)
    trouble.fault = fault
    wait_until(lambda: metric(api, "dandelion_store_reachable") == 0, TIMEOUT)
    assert_it_answers(api, current=False)
    trouble.fault = None
    wait_until(lambda: metric(api, "dandelion_store_reachable") == 1, TIMEOUT)
    assert_it_answers(api, current=True)


def test_a_slow_store_slows_no_answer_down(api: httpx.Client, trouble: Trouble) -> None:
    trouble.fault = Fault.LATENCY
    for _ in range(5):
        assert_it_answers(api, current=True)


def test_an_emptied_store_takes_no_model_away(api: httpx.Client, s3_url: str) -> None:
    store = open_store(s3_url)
    for found in list(store.list_objects("")):
        store.delete(found.key)
    wait_until(lambda: metric(api, "dandelion_model_current") == 0, TIMEOUT)
    assert api.post("/predict", files={"file": photo()}).json()["model"]["version"] == "first"
    assert api.get("/readyz").json()["current"] is False
    # The look that met it half emptied was told of an entry that was gone when it read it.
    wait_until(lambda: metric(api, "dandelion_store_reachable") == 1, TIMEOUT)
