"""What Prometheus sees is what happened."""

import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until

GUIDE = Path(__file__).parents[3] / "docs" / "serving.md"


def scraped(api: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = api.get("/metrics").raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(api: httpx.Client, name: str, **labels: str) -> float | None:
    return scraped(api).get((f"dandelion_{name}", frozenset(labels.items())))


def test_photos_are_counted_by_what_was_seen_or_why_they_were_refused(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "first")
    api = start_api()
    for data in (photo(YELLOW), photo(YELLOW), photo(GREEN), b"just text"):
        api.post("/predict", files={"file": data})
    files = [("files", photo(GREEN)), ("files", b"")]
    api.post("/predict/batch", files=files)
    assert value(api, "predictions_total", label="dandelion") == 2
    assert value(api, "predictions_total", label="grass") == 2
    assert value(api, "photos_refused_total", reason="unknown_format") == 1
    assert value(api, "photos_refused_total", reason="empty") == 1
    assert value(api, "confidence_count") == 4
    for stage in ("decode", "queue", "infer"):
        assert value(api, "stage_seconds_count", stage=stage) == 4
    assert value(api, "photos_inside") == 0


def test_requests_are_counted_by_route_and_never_by_what_strangers_write(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "first")
    api = start_api(api_keys="right")
    for path in ("/predict", "/any/thing", "/model"):
        api.get(path)
    api.delete("/x")
    api.headers["X-API-Key"] = "right"
    api.get("/model")
    assert value(api, "request_seconds_count", method="GET", route="/model", status="200") == 1
    assert value(api, "request_seconds_count", method="none", route="none", status="401") == 4
    routes = {dict(labels)["route"] for name, labels in scraped(api) if "request_sec" in name}
    assert routes == {"/model", "/metrics", "none"}


def test_the_model_its_swaps_and_its_troubles_show(store: Store, start_api: StartApi) -> None:
    api = start_api()
    assert value(api, "model_loaded") == 0
    publish(store, "first")
    wait_until(lambda: value(api, "model_loaded") == 1)
    publish(store, "broken", b"no graph")
    wait_until(lambda: value(api, "models_refused_total") == 1)
    assert value(api, "model_current") == 0
    assert value(api, "model_swaps_total") == 1
    publish(store, "second")
    wait_until(lambda: value(api, "model_swaps_total") == 2)
    assert value(api, "store_reachable") == 1
    assert value(api, "release_number") == 3
    names = {dict(labels).get("version") for name, labels in scraped(api) if "model_info" in name}
    assert names == {"second"}


def test_strangers_see_no_metrics(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    assert start_api(api_keys="right").get("/metrics").status_code == 401


def test_the_guide_explains_every_metric(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    api = start_api()
    api.post("/predict", files={"file": photo()})
    text = api.get("/metrics").text
    there = {family.name for family in text_string_to_metric_families(text)}
    ours = {name for name in there if not name.startswith("dandelion_process_")}
    explained = set(re.findall(r"^\| `(dandelion_\w+)`", GUIDE.read_text(), re.MULTILINE))
    assert {name.removesuffix("_total") for name in explained} == ours
