"""A photo is compared with training photos: the nearest come first, with their labels."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    TRAINING_PHOTOS,
    YELLOW,
    knows_its_photos,
    photo,
    publish,
)
from dandelion_pipeline_tests.serving.conftest import StartApi
from serving.client import ApiError, AsyncClient, Client
from serving.inference.batching import Batcher, Busy


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "v", **knows_its_photos())
    return start_api()


@pytest.mark.parametrize(
    ("colour", "nearest"), [(YELLOW, ["a1", "b2", "c3", "d4"]), (GREEN, ["c3", "d4", "b2", "a1"])]
)
def test_the_nearest_training_photos_come_first_with_label_and_hash(
    api: httpx.Client, colour: tuple[int, int, int], nearest: list[str]
) -> None:
    answer = api.post("/similar", files={"file": photo(colour)})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [one["sha256"][:2] for one in told["photos"]] == nearest
    labels = ["dandelion", "grass"]
    expected = [labels[TRAINING_PHOTOS[one["sha256"]][1]] for one in told["photos"]]
    assert [one["label"] for one in told["photos"]] == expected
    cosines = [one["similarity"] for one in told["photos"]]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] == pytest.approx(1, abs=1e-3)
    assert (told["searched"], told["model"]["version"]) == (4, "v")
    assert told["request_id"] == answer.headers["X-Request-ID"]
    assert api.get("/model").json()["neighbours"] == 4


def test_as_many_are_told_as_are_wanted(api: httpx.Client) -> None:
    def asked(count: str) -> httpx.Response:
        return api.post("/similar", params={"count": count}, files={"file": photo()})

    assert [len(asked(count).json()["photos"]) for count in ("1", "3", "50")] == [1, 3, 4]
    for wrong in ("0", "51", "-1", "many", "1.5"):
        refused = asked(wrong)
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert "query.count" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [(b"text", 415, "unknown_format"), (b"", 422, "empty"), (b"x" * 20_100_000, 413, "too_large")],
)
def test_a_file_that_is_no_photo_is_refused_as_by_predict(
    api: httpx.Client, data: bytes, status: int, reason: str
) -> None:
    answer = api.post("/similar", files={"file": data})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_comparison_is_measured_and_is_no_prediction(api: httpx.Client) -> None:
    api.post("/similar", files={"file": photo()})
    api.post("/similar", files={"file": b"text"})
    shown = api.get("/metrics").text
    measured = 'dandelion_request_seconds_count{method="POST",route="/similar",status="200"} 1.0'
    assert measured in shown
    assert 'dandelion_photos_refused_total{reason="unknown_format"} 1.0' in shown
    assert "dandelion_predictions_total{" not in shown


def test_a_model_that_does_not_know_its_photos_says_so_and_what_to_do(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "old")
    api = start_api()
    answer = api.post("/similar", files={"file": photo()})
    assert answer.status_code == 409
    told = answer.json()
    assert told["type"] == "urn:dandelion:problem:no-neighbours"
    assert "model old holds no features" in told["detail"]
    assert "make run RETRAIN=1" in told["detail"]
    assert api.get("/model").json()["neighbours"] == 0
    assert api.post("/predict", files={"file": photo()}).status_code == 200


def test_it_takes_a_key_where_predictions_do(store: Store, start_api: StartApi) -> None:
    publish(store, "v", **knows_its_photos())
    api = start_api(api_keys=(SecretStr("a-key"),))
    assert api.post("/similar", files={"file": photo()}).status_code == 401
    with Client(str(api.base_url), "a-key") as client:
        assert client.similar(photo(), "a.jpg").searched == 4


def test_a_full_api_turns_it_away_as_it_does_predictions(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise Busy(3)

    monkeypatch.setattr(Batcher, "check_capacity", full)
    answer = api.post("/similar", files={"file": photo()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")


def test_both_clients_ask_for_it(api: httpx.Client) -> None:
    url = str(api.base_url)
    with Client(url) as client:
        found = client.similar(photo(GREEN), "a.jpg", 2)
        with pytest.raises(ApiError) as refused:
            client.similar(photo(), "a.jpg", 51)
    assert refused.value.status == 422
    assert [one.label for one in found.photos] == ["grass", "grass"]

    async def ask() -> list[str]:
        async with AsyncClient(url) as other:
            return [one.label for one in (await other.similar(photo(), "a.jpg", 1)).photos]

    assert asyncio.run(ask()) == ["dandelion"]
