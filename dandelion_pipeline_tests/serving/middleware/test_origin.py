"""A page of another site, open in somebody's browser, gets nothing and plants nothing."""

import httpx
import pytest
from pydantic import SecretStr

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "first")
    return start_api()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "//["])
def test_a_form_of_another_site_plants_no_photo(
    api: httpx.Client, store: Store, origin: str
) -> None:
    said = {"prediction_id": "0" * 32, "label": "grass", "consent": "true"}
    headers = {"Origin": origin}
    response = api.post("/feedback", data=said, files={"file": photo()}, headers=headers)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert not store.list_objects(layout.LANDING)


def test_a_page_that_the_api_might_have_sent_itself_may_ask(api: httpx.Client) -> None:
    origin = str(api.base_url).rstrip("/")
    assert api.get("/model", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("", 403),
        ("[", 403),
        ("localhost:8000", 200),
        ("127.0.0.7", 200),
        ("[::1]:8000", 200),
    ],
)
def test_without_keys_only_names_of_this_machine_are_answered(
    api: httpx.Client, host: str, status: int
) -> None:
    assert api.get("/model", headers={"Host": host}).status_code == status


def test_with_keys_the_api_may_have_any_name(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    api = start_api(api_keys=(SecretStr("a-key"),))
    headers = {"Host": "photos.example", "X-API-Key": "a-key"}
    assert api.get("/model", headers=headers).status_code == 200
