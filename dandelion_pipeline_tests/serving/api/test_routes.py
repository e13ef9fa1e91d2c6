import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until
from serving.api.limits import MAX_PHOTO_BYTES
from serving.model.engine import Engine


def _send(api: httpx.Client, data: bytes, name: str = "photo.jpg") -> httpx.Response:
    return api.post("/predict", files={"file": (name, data)})


def _assert_problem(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert document["status"] == status
    assert document["request_id"] == response.headers["X-Request-ID"]
    assert document["type"]
    assert document["title"]
    assert document["detail"]
    return document


def test_an_answer_names_the_label_and_the_model_with_its_data(api: httpx.Client) -> None:
    answer = _send(api, photo(YELLOW)).json()
    assert answer["label"] == "dandelion"
    assert answer["confidence"] == answer["probabilities"]["dandelion"] > 0.9
    assert list(answer["probabilities"]) == tiny_models.CLASSES
    assert answer["model"] == {
        "version": "first",
        "is_sample": False,
        "data_hash": "d" * 64,
        "dagster_run": "dagster-run-of-first",
        "mlflow_run": "mlflow-run-of-first",
    }
    assert _send(api, photo(GREEN)).json()["label"] == "grass"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF"])
def test_what_a_file_is_is_read_from_its_content(api: httpx.Client, format: str) -> None:  # noqa: A002
    answer = _send(api, photo(YELLOW, format=format), name="misnamed.txt")
    assert answer.json()["label"] == "dandelion"


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"just text", 415, "unknown_format"),
        (photo()[:-300], 422, "broken"),
        (b"\xff" * (MAX_PHOTO_BYTES + 1), 413, "too_large"),
        (b"\xff" * (MAX_PHOTO_BYTES + 100_000), 413, "too_large"),
        (photo(size=5001, format="PNG"), 413, "too_many_pixels"),
    ],
)
def test_a_refused_photo_has_a_reason(
    api: httpx.Client, data: bytes, status: int, reason: str
) -> None:
    problem = _assert_problem(_send(api, data), status)
    assert problem["reason"] == reason
    assert problem["type"] == "urn:dandelion:problem:photo-refused"
    assert _send(api, photo()).status_code == 200


def test_an_endless_body_of_undeclared_length_is_refused_while_it_streams(
    api: httpx.Client,
) -> None:
    sent = 0

    def body() -> object:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 4 * MAX_PHOTO_BYTES:
            sent += 1_000_000
            yield b"\xff" * 1_000_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = api.post("/predict", content=body(), headers=headers)  # type: ignore[arg-type]
    assert _assert_problem(response, 413)["reason"] == "too_large"


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/predict", None, 405),
        ("POST", "/model", None, 405),
        ("POST", "/predict", None, 422),
        ("POST", "/predict", b"--x garbage", 400),
    ],
)
def test_a_request_that_is_not_as_documented_gets_a_problem(
    api: httpx.Client, method: str, path: str, content: bytes | None, status: int
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"} if content else None
    response = api.request(method, path, content=content, headers=headers)
    problem = _assert_problem(response, status)
    assert ("file" in str(problem["detail"])) == (status == 422)


def test_the_photo_must_be_in_the_field_file(api: httpx.Client) -> None:
    response = api.post("/predict", files={"image": ("a.jpg", photo())})
    assert "`file`" in str(_assert_problem(response, 422)["detail"])


def test_without_a_model_the_api_says_how_to_publish_one(start_api: StartApi) -> None:
    api = start_api()
    assert api.get("/healthz").json() == {"status": "ok"}
    for response in (api.get("/readyz"), api.get("/model"), _send(api, photo())):
        problem = _assert_problem(response, 503)
        assert problem["title"] == "No model is live"
        assert "make run" in str(problem["detail"])


def test_readyz_tells_strangers_nothing_of_a_failure(store: Store, start_api: StartApi) -> None:
    tiny_models.publish(store, "broken", b"no graph")
    api = start_api()
    detail = str(_assert_problem(api.get("/readyz"), 503)["detail"])
    assert "GET /model" in detail
    assert "broken" not in detail
    assert "broken" in str(_assert_problem(api.get("/model"), 503)["detail"])


def test_model_says_how_good_it_is_and_who_made_it_live(api: httpx.Client) -> None:
    answer = api.get("/model").json()
    assert (answer["version"], answer["accuracy"], answer["test_photos"]) == ("first", 0.95, 60)
    assert answer["classes"] == ["dandelion", "grass"]
    assert answer["counts"]["grass"]["train"] == 100
    assert answer["size"] == tiny_models.SIZE
    assert answer["trouble"] is None
    assert answer["release"]["number"] == 1
    assert answer["release"]["who"] == "a test"
    assert api.get("/readyz").json() == {"ready": True, "version": "first", "current": True}


@pytest.mark.parametrize("given", ["a", "A.b_c-1", "x" * 128])
def test_a_sane_request_id_is_kept(api: httpx.Client, given: str) -> None:
    for path in ("/model", "/nowhere"):
        assert api.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a;b", "ä".encode()])
def test_any_other_request_gets_an_id_of_ours(api: httpx.Client, given: str | bytes | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    response = api.post("/predict", files={"file": photo()}, headers=headers)  # type: ignore[arg-type]
    name = response.json()["request_id"]
    assert response.headers.get_list("X-Request-ID") == [name]
    assert len(name) == 32
    assert int(name, 16)


def test_a_bug_is_answered_with_a_problem_that_gives_nothing_away(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 1234")

    monkeypatch.setattr(Engine, "prepare", broken)
    response = api.post("/predict", files={"file": photo()}, headers={"X-Request-ID": "find-me"})
    _assert_problem(response, 500)
    assert response.headers["Connection"] == "close"
    assert "1234" not in response.text
    assert "find-me" in caplog.text
    assert "1234" in caplog.text


def test_openapi_documents_every_route_with_its_problems(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/healthz",
        "/readyz",
        "/model",
        "/models",
        "/models/{version}",
        "/models/{version}/card",
        "/models/{version}/card.html",
        "/models/{version}/report.html",
        "/refusals",
        "/activity",
        "/predict",
        "/predict/batch",
        "/explain",
        "/similar",
        "/feedback",
        "/metrics",
    }
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert operation["description"]
            errors = {c: r for c, r in operation["responses"].items() if c[0] != "2"}
            assert errors
            for error in errors.values():
                assert set(error["content"]) == {"application/problem+json"}
    assert "security" not in document["paths"]["/predict"]["post"]


def _send_many(api: httpx.Client, photos: list[bytes]) -> httpx.Response:
    return api.post("/predict/batch", files=[("files", ("a.jpg", data)) for data in photos])


def test_many_photos_are_answered_in_their_order_and_a_broken_one_spoils_none(
    api: httpx.Client,
) -> None:
    response = _send_many(api, [photo(YELLOW), b"just text", photo(GREEN)])
    first, refused, last = response.json()["results"]
    assert response.json()["model"]["version"] == "first"
    assert first["prediction"]["label"] == "dandelion"
    assert last["prediction"]["label"] == "grass"
    assert first["prediction"]["prediction_id"] != last["prediction"]["prediction_id"]
    assert [first["problem"], refused["prediction"]] == [None, None]
    assert refused["problem"]["reason"] == "unknown_format"
    assert [one["index"] for one in response.json()["results"]] == [0, 1, 2]


def test_64_photos_may_come_at_once_and_no_more(api: httpx.Client) -> None:
    assert len(_send_many(api, [photo()] * 64).json()["results"]) == 64
    problem = _assert_problem(_send_many(api, [photo()] * 65), 422)
    assert "65" in str(problem["detail"])


def test_a_busy_api_says_when_to_come_again(start_api: StartApi, store: Store) -> None:
    tiny_models.publish(store, "first")
    api = start_api(queue=1)
    with ThreadPoolExecutor(16) as clients:
        data = photo(size=4000, format="PNG")  # takes a while to decode
        answers = list(clients.map(lambda _: _send(api, data), range(32)))
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert _assert_problem(answer, 503)["type"] == "urn:dandelion:problem:busy"
            assert int(answer.headers["Retry-After"]) >= 1


def test_who_hangs_up_leaves_the_queue(
    start_api: StartApi, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_models.publish(store, "first")
    api = start_api()
    may_go_on = threading.Event()
    infer = Engine.probabilities

    def held_up(engine: Engine, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        assert may_go_on.wait(30)
        return infer(engine, pixels)

    monkeypatch.setattr(Engine, "probabilities", held_up)
    request = api.build_request("POST", "/predict", files={"file": tiny_models.photo()})
    head = b"".join(b"%b: %b\r\n" % field for field in request.headers.raw)
    sent = b"POST /predict HTTP/1.1\r\n" + head + b"\r\n" + request.read()

    def inside() -> str:
        text = api.get("/metrics").text
        return text.partition("\ndandelion_photos_inside ")[2].partition("\n")[0]

    with ExitStack() as connections:
        address = (api.base_url.host, api.base_url.port)
        clients = [connections.enter_context(socket.create_connection(address)) for _ in range(3)]
        for client in clients:
            client.sendall(sent)
        wait_until(lambda: inside() == "3.0")
        for client in clients[1:]:
            client.close()
        wait_until(lambda: inside() == "1.0")
        may_go_on.set()
        assert clients[0].recv(65_536).startswith(b"HTTP/1.1 200")
