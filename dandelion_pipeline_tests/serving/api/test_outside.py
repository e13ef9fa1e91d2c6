"""A photo of another kind than those of training is told apart from one that is hard to tell."""

from datetime import UTC, datetime

import httpx
import pytest

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.predictions import read_predictions
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    calibration,
    knows_its_photos,
    metrics,
    photo,
    publish,
)
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until

BLUE, OLIVE = (30, 40, 230), (150, 166, 45)
UNSURE_BELOW_70 = metrics(calibration=calibration((0.6, 0.5), (0.8, 0.9), (1.0, 1.0)))


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "v", **knows_its_photos(), metrics=UNSURE_BELOW_70)
    return start_api(log_seconds=0.1)


def answer(api: httpx.Client, colour: tuple[int, int, int]) -> tuple[bool, bool]:
    found = api.post("/predict", files={"file": photo(colour)}).json()
    assert found["outside"] == (found["novelty"] > 1)
    return found["sure"], found["outside"]


def test_an_answer_says_whether_it_is_sure_and_whether_the_photo_is_outside(
    api: httpx.Client, store: Store
) -> None:
    assert answer(api, GREEN) == (True, False)
    assert answer(api, BLUE)[1] is True
    assert answer(api, OLIVE) == (False, False)
    shown = api.get("/metrics").text
    assert "dandelion_photos_outside_total 1.0" in shown
    assert "dandelion_photos_unsure_total" in shown
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    wait_until(lambda: read_predictions(store, day).num_rows == 3)
    rows = read_predictions(store, day).to_pylist()
    assert [row["outside"] for row in rows] == [False, True, False]
    assert [row["sure"] for row in rows][2] is False
    assert rows[1]["novelty"] > 1 > rows[0]["novelty"]


def test_each_photo_of_a_batch_is_told_apart(api: httpx.Client) -> None:
    files = [("files", photo(colour)) for colour in (GREEN, BLUE)]
    results = api.post("/predict/batch", files=files).json()["results"]
    assert [one["prediction"]["outside"] for one in results] == [False, True]


def test_a_model_of_before_does_not_claim_to_know(store: Store, start_api: StartApi) -> None:
    publish(store, "old")
    found = start_api().post("/predict", files={"file": photo(BLUE)}).json()
    assert found["outside"] is None
    assert found["novelty"] is None
    assert found["sure"] is True
