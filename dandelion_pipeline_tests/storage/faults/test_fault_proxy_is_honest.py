"""The proxy that the tests of faults trust: it changes nothing by itself, and its faults happen."""

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import obstore
import pytest
from obstore.store import S3Store

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.fault_plans import Fault, Faults, Request, no_faults
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy, fault_proxy
from dandelion_pipeline_tests.servers.seaweedfs import S3Server

LARGE = bytes(range(256)) * 48 * 1024  # 12 MiB
BEFORE_THE_SERVER = {
    Fault.RESET,
    Fault.ERROR_500,
    Fault.SLOW_DOWN_503,
    Fault.CONFLICT_409,
    Fault.CUT_UPLOAD,
    Fault.FLIPPED_UPLOAD,
}
AFTER_THE_SERVER = {Fault.LOST_ANSWER, Fault.HUNG_UP, Fault.LOST_BEHIND_500}


@pytest.fixture
def direct(s3_url: str) -> Store:
    """The store without the proxy."""
    return open_store(s3_url)


@pytest.fixture
def proxy(
    s3_server: S3Server, direct: Store, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultProxy]:
    with fault_proxy(s3_server.environment["AWS_ENDPOINT_URL"], latency=0.5) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


def test_without_faults_the_store_keeps_its_contract(proxy: FaultProxy, direct: Store) -> None:
    store = open_store(direct.url)
    store.put("a/ä+ö 1%.bin", LARGE)
    assert store.get("a/ä+ö 1%.bin") == direct.get("a/ä+ö 1%.bin") == LARGE
    assert [store.put_if_absent("b", b""), store.put_if_absent("b", b"2")] == [True, False]
    assert (store.get("b"), store.get_range("a/ä+ö 1%.bin", 0, 3)) == (b"", LARGE[:3])
    assert (store.exists("b"), store.exists("c")) == (True, False)
    assert store.list_objects("") == direct.list_objects("")
    assert {r.fault for r in proxy.requests} == {None}


def test_every_request_is_recorded(proxy: FaultProxy, direct: Store) -> None:
    store = open_store(direct.url)
    store.put("a", b"four")
    store.put_if_absent("a", b"sixsix")
    seen = [(r.method, r.path[-2:], r.size, r.if_none_match, r.status) for r in proxy.requests]
    assert seen == [("PUT", "/a", 4, False, 200), ("PUT", "/a", 6, True, 412)]


def test_lots_are_drawn_alike_for_equal_seeds_and_spare_a_request_that_suffered_enough() -> None:
    drawn = []
    for _ in range(2):
        plan = Faults({Fault.RESET: 0.5, Fault.CUT_UPLOAD: 0.5}, seed=3)
        drawn.append([plan(Request("GET", f"/{n}", 0, False)) for n in range(100)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {None, Fault.RESET}  # a GET has nothing to cut
    plan = Faults({Fault.RESET: 1}, most_in_a_row=2)
    same = Request("GET", "/", 0, False)
    assert [plan(same) for _ in range(4)] == [Fault.RESET, Fault.RESET, None, Fault.RESET]


def ask(proxy: FaultProxy, method: str, body: bytes = b"") -> tuple[int, bytes]:
    """What a client without retries gets to see; the server refuses what nobody signed."""
    connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=2)
    try:
        connection.request(method, "/dandelion/x", body or None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.RESET, ConnectionResetError),
        (Fault.LOST_ANSWER, ConnectionResetError),
        (Fault.HUNG_UP, http.client.RemoteDisconnected),
        (Fault.CUT_UPLOAD, ConnectionResetError),
        (Fault.HANG, TimeoutError),
    ],
)
def test_a_client_is_left_without_an_answer(
    proxy: FaultProxy, fault: Fault, error: type[Exception]
) -> None:
    proxy.faults = lambda request: fault
    with pytest.raises(error) as caught:
        ask(proxy, "PUT", b"data")
    assert type(caught.value) is error
    (request,) = proxy.requests
    assert (request.status is not None) == (fault in AFTER_THE_SERVER)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.ERROR_500, 500, b"InternalError"),
        (Fault.LOST_BEHIND_500, 500, b"InternalError"),
        (Fault.SLOW_DOWN_503, 503, b"SlowDown"),
        (Fault.CONFLICT_409, 409, b"ConditionalRequestConflict"),
    ],
)
def test_an_error_looks_as_s3_sends_it(
    proxy: FaultProxy, fault: Fault, status: int, code: bytes
) -> None:
    proxy.faults = lambda request: fault
    got, body = ask(proxy, "GET")
    assert (got, b"<Code>" + code + b"</Code>" in body) == (status, True)
    assert (proxy.requests[0].status is not None) == (fault in AFTER_THE_SERVER)


def test_an_answer_is_cut_changed_or_slow(proxy: FaultProxy) -> None:
    _, whole = ask(proxy, "GET")
    proxy.faults = lambda request: Fault.CUT_DOWNLOAD
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask(proxy, "GET")
    proxy.faults = lambda request: Fault.LATENCY
    began = time.monotonic()
    assert ask(proxy, "GET")[0] == 403
    assert time.monotonic() - began >= 0.5
    proxy.faults = lambda request: Fault.SLOW_BODY
    began = time.monotonic()
    assert ask(proxy, "GET")[0] == 403
    assert time.monotonic() - began >= 7 * 0.05
    assert whole


def test_a_changed_bit_arrives(proxy: FaultProxy, direct: Store) -> None:
    direct.put("a", LARGE)
    proxy.faults = lambda request: Fault.FLIPPED_DOWNLOAD
    unchecked = S3Store.from_url(direct.url, client_options={"allow_http": True})
    got = bytes(obstore.get(unchecked, "a").bytes())
    different = [n for n, (one, other) in enumerate(zip(got, LARGE, strict=True)) if one != other]
    assert different == [len(LARGE) // 2]


@pytest.mark.parametrize("fault", sorted(BEFORE_THE_SERVER | AFTER_THE_SERVER, key=str))
def test_the_server_has_done_it_or_has_not(proxy: FaultProxy, direct: Store, fault: Fault) -> None:
    once = iter([fault])
    proxy.faults = lambda request: next(once, Fault.RESET)  # no retry gets through
    with pytest.raises(Exception):  # noqa: B017, PT011  its type is test_faults' affair
        open_store(direct.url).put("a", b"data")
    assert direct.exists("a") == (fault in AFTER_THE_SERVER)
    proxy.faults = no_faults
