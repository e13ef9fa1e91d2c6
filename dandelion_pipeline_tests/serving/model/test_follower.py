import logging
import shutil
import threading
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import seal
from dandelion_pipeline_tests.data.tiny_models import onnx_graph, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until
from serving.model.follower import ModelFollower


def _live_version(models: ModelFollower) -> str | None:
    return models.live.release.version if models.live else None


def test_the_live_model_is_loaded_and_the_next_one_takes_its_place(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    in_flight = models.live
    publish(store, "second", onnx_graph(flipped=True))
    models.look()
    assert _live_version(models) == "second"
    assert in_flight is not None
    assert in_flight.engine.manifest.version == "first"
    assert in_flight.engine.classify(photo())["dandelion"] > 0.9


def test_an_unchanged_log_loads_nothing_again(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    before = models.live
    models.look()
    assert models.live is before


def test_a_new_entry_for_the_same_version_keeps_the_engine(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    assert models.live is not None
    before = models.live
    entry = before.release.model_copy(update={"number": 2, "action": "rollback"})
    store.put(layout.release(2), seal(entry.model_dump_json(indent=2).encode()))
    models.look()
    assert models.live is not None
    assert models.live.release.number == 2
    assert models.live.engine is before.engine


def test_a_rollback_to_the_model_before_needs_nothing_of_its_bundle(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    assert models.live is not None
    before = models.live
    publish(store, "second")
    models.look()
    rollback(store, to=None, who="ada", why="it was worse")
    for file in store.list_objects("models/first/"):
        store.delete(file.key)
    models.look()
    assert models.live is not None
    assert models.trouble is None
    assert _live_version(models) == "first"
    assert models.live.engine is before.engine


def test_a_broken_model_is_refused_once_and_the_old_one_answers_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    publish(store, "broken", b"no graph")
    with caplog.at_level(logging.WARNING):
        models.look()
        store.put(layout.model_file("broken", "manifest.json"), b"a second look would fail here")
        models.look()
    assert _live_version(models) == "first"
    assert models.trouble is not None
    assert "OpenVINO cannot run it" in models.trouble.message
    assert [r.message.count("goes on with model first") for r in caplog.records] == [1]


def test_after_a_broken_model_the_next_good_one_is_loaded(store: Store) -> None:
    publish(store, "broken", b"no graph")
    models = ModelFollower(store)
    models.look()
    assert models.live is None
    publish(store, "good")
    models.look()
    assert _live_version(models) == "good"
    assert models.trouble is None


def test_an_entry_that_names_a_missing_bundle_is_refused(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    publish(store, "ghost")
    store.delete(layout.model_file("ghost", layout.MANIFEST))
    models.look()
    assert _live_version(models) == "first"
    assert models.trouble is not None
    assert "ghost" in models.trouble.message


def test_an_emptied_store_keeps_the_loaded_model_and_is_reported(
    store: Store, tmp_path: Path
) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    shutil.rmtree(tmp_path / "store")
    models.look()
    assert _live_version(models) == "first"
    assert models.trouble is not None


def test_a_store_that_comes_back_is_used_again(store: Store, tmp_path: Path) -> None:
    publish(store, "first")
    away = tmp_path / "away"
    shutil.move(tmp_path / "store", away)
    models = ModelFollower(store)
    models.look()
    assert models.live is None
    assert models.trouble is not None
    shutil.move(away, tmp_path / "store")
    models.look()
    assert _live_version(models) == "first"
    assert models.trouble is None


def test_the_running_api_follows_the_log(store: Store, start_api: StartApi) -> None:
    api = start_api()
    assert api.get("/readyz").status_code == 503
    publish(store, "first")
    wait_until(lambda: api.get("/readyz").status_code == 200)
    publish(store, "broken", b"no graph")
    wait_until(lambda: api.get("/readyz").json()["current"] is False)
    assert "model broken" in api.get("/model").json()["trouble"]
    publish(store, "second")
    wait_until(lambda: api.get("/readyz").json()["version"] == "second")
    assert api.get("/model").json()["trouble"] is None


def test_swaps_under_load_fail_no_request_and_mix_no_versions(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "first")
    api = start_api()
    stop = threading.Event()
    answers: list[tuple[str, str]] = []

    def ask() -> None:
        with httpx.Client(base_url=api.base_url, trust_env=False) as own:
            while not stop.is_set():
                answer = own.post("/predict", files={"file": photo()}).json()
                answers.append((answer["model"]["version"], answer["label"]))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        wait_until(lambda: answers)
        for number in range(6):
            version = f"{'flipped' if number % 2 else 'plain'}-{number}"
            publish(store, version, onnx_graph(flipped=bool(number % 2)))
            wait_until(lambda: version in {answer[0] for answer in answers[-4:]})  # noqa: B023
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert len({version for version, _ in answers}) == 7
    for version, label in answers:
        assert label == ("grass" if version.startswith("flipped") else "dandelion"), version


def test_a_promotion_and_a_rollback_between_two_looks_forget_nothing(store: Store) -> None:
    models = ModelFollower(store)
    for version in ("first", "second"):
        publish(store, version)
        models.look()
    publish(store, "third")
    rollback(store, to=None, who="ada", why="it was worse")
    models.look()
    assert _live_version(models) == "second"
    rollback(store, to=None, who="ada", why="so was this one")
    for file in store.list_objects("models/first/"):
        store.delete(file.key)
    models.look()
    assert _live_version(models) == "first"
