"""How good each model is, what the gate said of it, and the pages about it."""

import httpx
import pytest

from dandelion_pipeline.release.decision import Criterion, decision_of, record
from dandelion_pipeline.release.manifest import CARD_HTML
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import calibration, metrics, publish, put_bundle
from dandelion_pipeline_tests.serving.conftest import StartApi

PAGE = "<!DOCTYPE html><title>Gänseblümchen</title>".encode()


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "first")
    compared = metrics(
        champion_version="first",
        champion_accuracy=0.9,
        gained=4,
        lost=1,
        calibration=calibration((0.6, 0.5), (0.8, 0.9), (1.0, 1.0)),
    )
    publish(store, "second", metrics=compared, beside={CARD_HTML: PAGE})
    return start_api()


def judge(store: Store, version: str, *, promote: bool) -> None:
    found = [Criterion(check="accuracy", says="it lost 5 photos", passed=promote)]
    record(store, decision_of(version, "second", found, forced_because="", run="run"))


def test_a_model_is_told_with_its_mistakes_and_beside_the_one_that_was_live(
    api: httpx.Client, store: Store
) -> None:
    judge(store, "second", promote=True)
    told = api.get("/models/second").json()
    assert told["confusion"] == [[29, 1], [2, 28]]
    assert told["per_class"]["grass"] == {
        "photos": 30,
        "precision": 0.9,
        "recall": 0.95,
        "f1": 0.92,
    }
    assert [one["accuracy"] for one in told["reliability"]] == [0.5, 0.9, 1.0]
    assert told["champion"] == {"version": "first", "accuracy": 0.9, "gained": 4, "lost": 1}
    assert told["verdict"]["criteria"] == [{"says": "it lost 5 photos", "passed": True}]


def test_what_was_never_measured_of_an_old_model_is_null(api: httpx.Client) -> None:
    told = api.get("/models/first").json()
    assert told["reliability"] == []
    for name in ("calibration_error", "unsure_below", "champion", "verdict", "accuracy_interval"):
        assert told[name] is None


@pytest.mark.parametrize(
    ("bins", "limit"),
    [
        ([(0.6, 0.5), (0.8, 0.9), (1.0, 1.0)], 0.7),
        ([(1.0, 1.0), (0.6, 0.5), (0.8, 0.7)], 0.9),
        ([(0.6, 0.8), (0.9, 0.7)], None),  # the least sure ones can be believed
        ([(0.6, 0.5), (0.8, 0.7)], 0.9),
        ([], None),
    ],
)
def test_answers_are_not_believed_below_the_confidence_where_test_photos_go_wrong(
    bins: list[tuple[float, float]], limit: float | None
) -> None:
    assert calibration(*bins).unsure_below == (None if limit is None else pytest.approx(limit))


def test_the_live_model_says_below_which_confidence_it_is_not_to_be_believed(
    api: httpx.Client,
) -> None:
    assert api.get("/model").json()["unsure_below"] == pytest.approx(0.7)


def test_models_that_the_gate_refused_are_told_newest_first_with_its_reasons(
    api: httpx.Client, store: Store
) -> None:
    for version in ("third", "fourth"):
        put_bundle(store, version)
        judge(store, version, promote=False)
    judge(store, "second", promote=True)
    told = api.get("/refusals").json()
    assert told["total"] == 2
    assert {one["version"] for one in told["refused"]} == {"third", "fourth"}
    assert told["refused"][0]["verdict"]["criteria"][0]["says"] == "it lost 5 photos"
    assert told["refused"][0]["accuracy"] == 0.95
    store.delete(layout.model_file("fourth", layout.MANIFEST))
    accuracies = {one["version"]: one["accuracy"] for one in api.get("/refusals").json()["refused"]}
    assert accuracies == {"third": 0.95, "fourth": None}


def test_the_pages_of_a_model_are_files_to_keep(api: httpx.Client, store: Store) -> None:
    store.put(layout.report("d" * 64), PAGE)
    for name in ("card", "report"):
        response = api.get(f"/models/second/{name}.html")
        assert response.content == PAGE
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["first/card.html", "first/report.html", "third", "third/card"])
def test_what_there_is_not_is_a_problem_that_says_so(api: httpx.Client, path: str) -> None:
    response = api.get(f"/models/{path}")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:dandelion:problem:no-such-model"
