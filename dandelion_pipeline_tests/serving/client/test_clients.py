import asyncio
import http.client
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from pydantic import SecretStr

from dandelion_pipeline.release.manifest import CARD_MARKDOWN
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.servers.processes import free_port, running, stop
from dandelion_pipeline_tests.serving.conftest import StartApi
from serving.client import ApiError, ApiUnreachable, AsyncClient, Client


@pytest.fixture
def client(api: httpx.Client) -> Iterator[Client]:
    with Client(str(api.base_url)) as speaking:
        yield speaking


def test_answers_are_typed(client: Client) -> None:
    prediction = client.predict(tiny_models.photo(), 'a "strange"\r\nname.jpg')
    assert prediction.label == "dandelion"
    assert prediction.confidence == prediction.probabilities["dandelion"]
    assert prediction.model.version == client.model().version == client.ready().version


def test_the_history_and_a_card_are_asked_for_by_version(store: Store, start_api: StartApi) -> None:
    tiny_models.publish(store, "first", beside={CARD_MARKDOWN: "# größer".encode()})
    tiny_models.publish(store, "second")
    url = str(start_api().base_url)
    with Client(url) as client:
        assert [one.version for one in client.history().releases] == ["second", "first"]
        assert [one.version for one in client.history(1).releases] == ["second"]
        assert client.card("first") == "# größer"
        for unknown in ("second", "../first", "a b/c?d"):
            with pytest.raises(ApiError) as refused:
                client.card(unknown)
            assert refused.value.status in {404, 422}

    async def ask() -> tuple[int, str]:
        async with AsyncClient(url) as client:
            return (await client.history()).total, await client.card("first")

    assert asyncio.run(ask()) == (2, "# größer")


def test_a_refused_photo_is_an_error_with_its_reason(client: Client) -> None:
    with pytest.raises(ApiError, match="The photo was refused") as refused:
        client.predict(b"text", "photo.jpg")
    assert (refused.value.status, refused.value.reason) == (415, "unknown_format")


def test_without_a_model_the_error_says_what_to_do(start_api: StartApi) -> None:
    with Client(str(start_api().base_url)) as client, pytest.raises(ApiError) as refused:
        client.ready()
    assert refused.value.status == 503
    assert "make run" in refused.value.detail


def test_the_key_travels_with_every_request(store: Store, start_api: StartApi) -> None:
    tiny_models.publish(store, "first")
    url = str(start_api(api_keys=(SecretStr("a-key"),)).base_url)
    with Client(url, api_key="a-key") as client:
        assert client.predict(tiny_models.photo(), "a.jpg").label == "dandelion"
    for wrong in (None, "wrong", "schlüssel"):
        with Client(url, api_key=wrong) as client, pytest.raises(ApiError) as refused:
            client.model()
        assert refused.value.status == 401


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "nonsense", "http://[", "ftp://x"])
def test_an_address_where_nothing_answers_is_named(url: str) -> None:
    url = url.format(port=free_port())
    with Client(url) as client, pytest.raises(ApiUnreachable) as unreachable:
        client.model()
    assert url in str(unreachable.value)


@pytest.mark.parametrize("status", ["200 OK", "502 Bad Gateway", "599 "])
def test_another_program_at_the_address_is_not_mistaken_for_the_api(status: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer_once, args=(listening, status))
        thread.start()
        with (
            Client(f"http://127.0.0.1:{listening.getsockname()[1]}") as client,
            pytest.raises((ApiError, ApiUnreachable)) as refused,
        ):
            client.model()
        thread.join()
    assert isinstance(refused.value, ApiUnreachable) == status.startswith("200")


def _answer_once(listening: socket.socket, status: str) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        body = b"<html>hello</html>"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)


def test_the_program_serves_on_its_port_until_it_is_told_to_stop(store: Store) -> None:
    tiny_models.publish(store, "first")
    url = f"http://127.0.0.1:{(port := free_port())}"
    env = {"DANDELION_STORE_URL": store.url, "DANDELION_API_PORT": str(port)}
    command = [sys.executable, "-m", "serving"]
    with running(command, url=f"{url}/readyz", env=env) as process:
        with Client(url) as client:
            assert client.predict(tiny_models.photo(), "a.jpg").model.version == "first"
        with pytest.raises(AssertionError, match="Stop what runs there"):
            running(command, url=f"{url}/nowhere", env=env).__enter__()
        assert stop(process, signal.SIGINT) == 0
    with Client(url) as client, pytest.raises(ApiUnreachable):
        client.ready()


def test_a_connection_that_clients_would_use_again_is_still_open(api: httpx.Client) -> None:
    expiry = httpx.Limits().keepalive_expiry
    assert expiry is not None
    connection = http.client.HTTPConnection(api.base_url.host, api.base_url.port or 80)
    with closing(connection):
        for pause in (0.0, expiry + 1):
            time.sleep(pause)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()


def test_many_photos_are_answered_in_one_request(client: Client) -> None:
    photos = [("a.jpg", tiny_models.photo()), ("b.jpg", b"text")]
    seen, refused = client.predict_batch(photos).results
    assert seen.prediction is not None
    assert seen.prediction.label == "dandelion"
    assert refused.problem is not None
    assert refused.problem.reason == "unknown_format"


def test_the_asynchronous_client_gives_the_same_answers_and_errors(client: Client) -> None:
    async def asked() -> None:
        async with AsyncClient(client.base_url) as other:
            one, two = await asyncio.gather(
                other.predict(tiny_models.photo(), "a.jpg"),
                other.predict_batch([("a.jpg", tiny_models.photo())]),
            )
            assert one.label == "dandelion"
            assert two.results[0].prediction is not None
            assert (await other.model()) == client.model()
            assert (await other.ready()).ready
            with pytest.raises(ApiError, match="The photo was refused"):
                await other.predict(b"text", "a.jpg")
            with pytest.raises(ApiError, match="The label is not known"):
                await other.feedback(one.prediction_id, "rose")
        async with AsyncClient(f"http://127.0.0.1:{free_port()}") as nobody:
            with pytest.raises(ApiUnreachable):
                await nobody.ready()

    asyncio.run(asked())
