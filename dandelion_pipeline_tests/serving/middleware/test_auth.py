from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.serving.conftest import StartApi, api_on, wait_until
from serving.app import create_app
from serving.settings import Settings

KEYS = (SecretStr("old-key"), SecretStr("new-key"))


@pytest.fixture(scope="module")
def locked_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = open_store((tmp_path_factory.mktemp("locked") / "store").as_uri())
    tiny_models.publish(store, "first")
    with api_on(store, api_keys=KEYS) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer old-ke"},
        {"Authorization": "Basic old-key"},
        {"Authorization": "old-key"},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": "old-key,new-key"},
    ],
)
def test_without_a_known_key_nothing_but_health_answers(
    locked_api: httpx.Client, headers: dict[str, str]
) -> None:
    paths = [("GET", "/model"), ("POST", "/predict"), ("GET", "/openapi.json"), ("GET", "/docs")]
    for method, path in [*paths, ("GET", "/nowhere"), ("DELETE", "/healthz/"), ("GET", "//readyz")]:
        response = locked_api.request(method, path, headers=headers)
        assert response.status_code == 401, path
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json()["request_id"] == response.headers["X-Request-ID"]
    assert locked_api.get("/healthz", headers=headers).status_code == 200
    assert locked_api.get("/readyz", headers=headers).status_code == 200


def test_every_route_but_health_is_closed_with_every_method(locked_api: httpx.Client) -> None:
    documented = create_app(Settings()).openapi()["paths"]
    paths = {"/openapi.json", *documented}
    assert {"/predict", "/predict/batch", "/feedback", "/model", "/metrics"} <= paths
    for path in sorted(paths - {"/healthz", "/readyz"}):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            assert locked_api.request(method, path).status_code == 401, (method, path)


def test_keys_may_be_given_as_their_digests(store: Store, start_api: StartApi) -> None:
    tiny_models.publish(store, "first")
    hashed = "sha256:" + sha256_hex(b"a-key")
    api = start_api(api_keys=(SecretStr(hashed),))
    assert api.get("/model", headers={"X-API-Key": "a-key"}).status_code == 200
    assert api.get("/model", headers={"X-API-Key": hashed}).status_code == 401


def test_keys_of_a_file_change_without_a_restart(
    store: Store, start_api: StartApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny_models.publish(store, "first")
    file = tmp_path / "keys"
    file.write_text(f"old  # until May\nsha256:{sha256_hex(b'new')}\n\n# nobody\n")
    api = start_api(api_keys_file=file)

    def opens(key: str) -> bool:
        return api.get("/model", headers={"X-API-Key": key}).status_code == 200

    assert [opens(key) for key in ("old", "new", "", "# nobody")] == [True, True, False, False]
    file.write_text("newest\n")
    wait_until(lambda: opens("newest"))
    assert [opens(key) for key in ("old", "new")] == [False, False]
    file.unlink()
    wait_until(lambda: opens("newest") and "cannot be read again" in caplog.text)
    file.write_text("")
    wait_until(lambda: not opens("newest"))
    assert not opens("")


@pytest.mark.parametrize("path", ["/model", "/healthz", "/nowhere", "/predict"])
def test_every_answer_tells_browsers_to_be_careful(locked_api: httpx.Client, path: str) -> None:
    for headers in ({}, {"X-API-Key": "old-key"}):
        answered = locked_api.get(path, headers=headers).headers
        assert answered["X-Content-Type-Options"] == "nosniff"
        assert answered["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answered["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answered


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer old-key"},
        {"Authorization": "bearer new-key"},
        {"X-API-Key": "old-key"},
        {"X-API-Key": "new-key"},
    ],
)
def test_any_of_the_keys_opens_the_api(locked_api: httpx.Client, headers: dict[str, str]) -> None:
    assert locked_api.get("/model", headers=headers).status_code == 200
    answer = locked_api.post("/predict", files={"file": tiny_models.photo()}, headers=headers)
    assert answer.json()["label"] == "dandelion"


def test_a_large_body_without_a_key_is_not_read(locked_api: httpx.Client) -> None:
    assert locked_api.post("/predict", content=b"x" * 30_000_000).status_code == 401


def test_openapi_says_how_keys_travel_where_they_are_needed(locked_api: httpx.Client) -> None:
    paths = locked_api.get("/openapi.json", headers={"X-API-Key": "old-key"}).json()["paths"]
    assert paths["/predict"]["post"]["security"] == [{"HTTPBearer": []}, {"APIKeyHeader": []}]
    assert "security" not in paths["/healthz"]["get"]
