"""What people say of an answer comes back into the data, and only what they consented to."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline.ingest.intake import ACCEPTED, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import unseal
from dandelion_pipeline_tests.data.tiny_models import GREEN, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi
from serving.client import Client

NAME = "0123456789abcdef" * 2


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "first")
    return start_api()


def kept(store: Store) -> list[dict[str, object]]:
    found = [store.get(one.key) for one in store.list_objects(layout.FEEDBACK)]
    return [json.loads(unseal(data) or b"") for data in found]


def landed(store: Store) -> list[str]:
    return [one.key for one in store.list_objects(layout.LANDING)]


def test_the_right_label_is_in_the_store_when_it_is_answered(
    api: httpx.Client, store: Store
) -> None:
    said = {"prediction_id": NAME, "label": "grass", "comment": "no flower"}
    response = api.post("/feedback", data=said)
    assert response.status_code == 201
    assert response.json()["learned_from"] is False
    assert kept(store) == [{**said, "model_version": "first", "photo": None}]
    assert landed(store) == []


def test_a_photo_with_consent_is_learned_from_under_its_label_marked_as_feedback(
    api: httpx.Client, store: Store
) -> None:
    with Client(str(api.base_url)) as client:
        prediction = client.predict(photo(GREEN), "a.jpg")
        receipt = client.feedback(prediction.prediction_id, "dandelion", photo=photo(GREEN))
    assert receipt.learned_from
    (key,) = landed(store)
    day, label, name = layout.split_landing_key(key) or ("", "", "")
    assert label == "dandelion"
    assert name.startswith("feedback-")
    assert name.endswith(".jpg")
    assert kept(store)[0]["photo"] == key
    assert take_in(store, day, None).table["status"].to_pylist() == [ACCEPTED]


def test_a_photo_without_consent_is_not_kept(api: httpx.Client, store: Store) -> None:
    said = {"prediction_id": NAME, "label": "grass"}
    response = api.post("/feedback", data=said, files={"file": photo()})
    assert response.status_code == 201
    assert landed(store) == []


@pytest.mark.parametrize(
    ("changes", "data", "status", "words"),
    [
        ({"label": "rose"}, None, 422, "'dandelion', 'grass'"),
        ({"label": "../../releases"}, None, 422, "no class"),
        ({"prediction_id": "mine"}, None, 422, "prediction_id"),
        ({"comment": "x" * 1001}, None, 422, "comment"),
        ({"consent": "true"}, b"just text", 415, "it is a text file"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_kept(
    api: httpx.Client,
    store: Store,
    changes: dict[str, str],
    data: bytes | None,
    status: int,
    words: str,
) -> None:
    said = {"prediction_id": NAME, "label": "grass", **changes}
    response = api.post("/feedback", data=said, files={"file": data} if data else None)
    assert response.status_code == status
    assert words in response.json()["detail"]
    assert kept(store) == []
    assert landed(store) == []


def test_while_the_store_is_away_nobody_is_told_that_it_was_kept(
    api: httpx.Client, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("a file where the store was")
    response = api.post("/feedback", data={"prediction_id": NAME, "label": "grass"})
    assert response.status_code == 503
    assert response.json()["title"] == "The store does not answer"
    assert response.headers["Retry-After"]
