"""What was live when, who decided and why, and what each model is good at."""

import shutil
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline.release.manifest import CARD_MARKDOWN
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.serving.conftest import StartApi


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(
        store, "first", beside={CARD_MARKDOWN: "# Model first, 100 % gänseblümchenfrei".encode()}
    )
    publish(store, "second")
    rollback(store, to=None, who="ada", why="calls lawns dandelion")
    return start_api()


def test_the_history_is_told_newest_first_and_says_what_is_live(api: httpx.Client) -> None:
    history = api.get("/models").json()
    assert history["total"] == 3
    assert [one["version"] for one in history["releases"]] == ["first", "second", "first"]
    assert [one["live"] for one in history["releases"]] == [True, False, False]
    newest = history["releases"][0]
    assert (newest["action"], newest["who"], newest["why"]) == (
        "rollback",
        "ada",
        "calls lawns dandelion",
    )
    assert newest["accuracy"] == 0.95
    assert len(api.get("/models", params={"limit": 2}).json()["releases"]) == 2


def test_a_model_whose_bundle_is_gone_stays_in_the_history(api: httpx.Client, store: Store) -> None:
    store.delete(layout.model_file("second", layout.MANIFEST))
    second = api.get("/models").json()["releases"][1]
    assert (second["version"], second["accuracy"]) == ("second", None)


def test_a_card_is_read_from_the_bundle(api: httpx.Client) -> None:
    response = api.get("/models/first/card")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "gänseblümchenfrei" in response.text


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("second", 404),
        ("third", 404),
        ("..%2F..", 404),
        ("a b", 422),
        ("%2e%2e", 422),
        ("-", 422),
        ("x" * 129, 422),
    ],
)
def test_what_has_no_card_is_said(api: httpx.Client, version: str, status: int) -> None:
    response = api.get(f"/models/{version}/card")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_while_the_store_is_away_there_is_no_history_but_the_model_answers(
    api: httpx.Client, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("a file where the store was")
    assert api.get("/models").status_code == 503
    assert api.get("/model").json()["version"] == "first"
