"""Clients that send nonsense, too much, or too slowly: each is told, and nobody else suffers."""

import json
import os
import random
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.tiny_models import photo, publish
from dandelion_pipeline_tests.serving.conftest import api_on, wait_until
from serving.api.limits import MAX_PHOTO_BYTES
from serving.middleware.connections import BoundedProtocol

SLOW = 60
MALFORMED = int(os.environ.get("DANDELION_MALFORMED", "1500"))
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
PHOTO = HEAD + b"Content-Type: multipart/form-data; boundary=x\r\n"


class Hasty(BoundedProtocol):
    head_seconds = 1.0
    body_seconds = 1.0


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = open_store((tmp_path_factory.mktemp("hasty") / "store").as_uri())
    publish(store, "first")
    with api_on(store, Hasty) as client:
        yield client


def connected(api: httpx.Client) -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=20)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionError:
        pass  # it did not read what was still under way
    return received


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"nosniff" in head
    document: dict[str, object] = json.loads(body)
    assert f" {document['status']} ".encode() in head.splitlines()[0]
    return document


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST /pre",
        HEAD + b"X-A: 1\r\n",
        PHOTO + b"Content-Length: 900\r\n\r\n",
        PHOTO + b"Content-Length: 19000000\r\n\r\n--x\r\n" + b"x" * 1_000,
        PHOTO + b"Transfer-Encoding: chunked\r\n\r\n5\r\n--",
    ],
)
def test_a_request_that_does_not_arrive_is_ended(hasty: httpx.Client, begun: bytes) -> None:
    with connected(hasty) as client:
        client.sendall(begun)
        assert problem(all_of(client))["status"] == 408


def test_a_byte_now_and_then_earns_no_more_time_and_good_clients_are_answered_meanwhile(
    hasty: httpx.Client,
) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(hasty)) for _ in range(SLOW)]
        for number, client in enumerate(slow):
            body = PHOTO + b"Content-Length: 900000\r\n\r\n" if number % 2 else b"POST /predict"
            client.sendall(body)
        answered, deadline = 0, time.monotonic() + 15
        while slow and time.monotonic() < deadline:
            for client in list(slow):
                if select.select([client], [], [], 0)[0]:
                    slow.remove(client)
                    continue
                try:
                    client.sendall(b"x")
                except ConnectionError:
                    slow.remove(client)
            assert hasty.post("/predict", files={"file": photo()}).status_code == 200
            answered += 1
        assert not slow
        assert answered


def test_a_body_that_comes_along_gets_the_time_that_it_takes(hasty: httpx.Client) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    whole = body + photo(size=2000, format="BMP") + b"\r\n--x--\r\n"
    head = b"Connection: close\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with connected(hasty) as client:
        client.sendall(HEAD + head + b"Content-Length: %d\r\n\r\n" % len(whole))
        began = time.monotonic()
        for start in range(0, len(whole), 1 << 20):
            client.sendall(whole[start : start + (1 << 20)])
            time.sleep(0.15)
        assert time.monotonic() - began > Hasty.body_seconds
        assert b" 200 OK" in all_of(client).splitlines()[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (HEAD + b"X-A: 1\r\n" * 200 + b"\r\n", 431),
        (HEAD + b"X-A: " + b"1" * 100_000 + b"\r\n\r\n", 431),
        (HEAD + b"X-A" * 40_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: -5\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
        (HEAD + b"X\x00A: 1\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(
    hasty: httpx.Client, request_: bytes, status: int
) -> None:
    with connected(hasty) as client:
        client.sendall(request_)
        assert problem(all_of(client))["status"] == status


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")  # Starlette leaves it to Python
def test_malformed_requests_end_in_an_answer_or_a_closed_connection_and_never_in_500(
    hasty: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)  # noqa: S311  nothing is to be kept secret
    whole = hasty.build_request("POST", "/predict", files={"file": photo()})
    fields = b"".join(b"%s: %s\r\n" % field for field in whole.headers.raw)
    seed = b"POST /predict HTTP/1.1\r\n" + fields + b"Connection: close\r\n\r\n" + whole.read()
    for _ in range(MALFORMED):
        data = bytearray(seed)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data) if chance.random() < 0.3 else 260)
            data[place : place + chance.choice((0, 1, 4))] = chance.randbytes(
                chance.choice((0, 1, 3))
            )
        with connected(hasty) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert b" 500 " not in all_of(client)[:20]
    assert "Traceback" not in caplog.text
    wait_until(lambda: hasty.post("/predict", files={"file": photo()}).status_code == 200)


def test_a_thousand_requests_in_one_piece_are_answered_in_order(hasty: httpx.Client) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(hasty) as client:
        client.sendall(one * 999 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert all_of(client).count(b"HTTP/1.1 200 OK") == 1_000


def test_a_refusal_of_a_large_body_reaches_a_client_that_is_still_sending(
    hasty: httpx.Client,
) -> None:
    response = hasty.post("/predict", files={"file": b"\xff" * (MAX_PHOTO_BYTES + 100_000)})
    assert response.status_code == 413
