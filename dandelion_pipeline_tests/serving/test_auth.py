from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline_tests import tiny_models
from dandelion_pipeline_tests.serving.conftest import api_on

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
