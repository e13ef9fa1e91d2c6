"""MLflow's registry beside the release log, with a real MLflow: embedded, and a real server."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from dandelion_pipeline.cli.up import _mlflow as mlflow_service
from dandelion_pipeline.defs.mlflow import registry, timeouts
from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.defs.mlflow.registry import CHALLENGER, CHAMPION, Mirrored, mirror
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.release import log
from dandelion_pipeline.release.promotion import promote, rollback
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import SAMPLE, publish, put_bundle
from dandelion_pipeline_tests.servers.processes import free_port, running

BY_PEOPLE: dict[str, Any] = {"who": "a test", "why": "it is being tested"}


@pytest.fixture(scope="module")
def server_url(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server, started as `dandelion up` does."""
    home = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, home / "mlflow.db")
    (service,) = mlflow_service(Settings(home=home, mlflow_tracking_uri=""), free_port())
    with running(service.command, url=service.url + service.path, env=service.env):
        yield service.url


@pytest.fixture
def served(embedded: Settings, server_url: str) -> Settings:
    """The same through a server."""
    client = MlflowClient(server_url, server_url)
    if client.search_registered_models():
        client.delete_registered_model(NAME)
    return embedded.model_copy(update={"mlflow_tracking_uri": server_url})


@pytest.fixture(params=["embedded", "served"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Each kind of MLflow; what is tested with it holds for both."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings


def ask(settings: Settings) -> MlflowClient:
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def versions(settings: Settings) -> list[ModelVersion]:
    found = ask(settings).search_model_versions(f"name='{NAME}'")
    return sorted(found, key=lambda version: int(version.version))


def bundles(settings: Settings) -> list[str]:
    return [version.tags["bundle"] for version in versions(settings)]


def aliases(settings: Settings) -> dict[str, str]:
    """The bundle by alias."""
    named = {int(version.version): version.tags["bundle"] for version in versions(settings)}
    found = ask(settings).get_registered_model(NAME).aliases
    return {alias: named[int(number)] for alias, number in found.items()}


def three_bundles(store: Store) -> None:
    """The last one is a candidate that is not live."""
    publish(store, "b-first", created="2025-05-01T12:00:00+00:00")
    publish(store, "c-second", created="2025-05-02T12:00:00+00:00")
    put_bundle(store, "a-third", created="2025-05-03T12:00:00+00:00", data=SAMPLE)


def test_the_registered_model_is_named_like_the_experiment() -> None:
    assert NAME == EXPERIMENT


def test_each_bundle_is_a_version_in_the_order_of_creation(
    settings: Settings, folder: Store
) -> None:
    three_bundles(folder)
    mirrored = mirror(settings, folder)
    assert bundles(settings) == ["b-first", "c-second", "a-third"]
    assert mirrored.versions == {"b-first": 1, "c-second": 2, "a-third": 3}
    assert (mirrored.champion, mirrored.challenger) == ("c-second", "a-third")


def test_of_two_bundles_of_one_second_the_refused_one_is_the_challenger(
    settings: Settings, folder: Store
) -> None:
    second = "2025-05-01T12:00:00+00:00"
    publish(folder, "good", created=second)
    put_bundle(folder, "bad", created=second)
    mirrored = mirror(settings, folder)
    assert (mirrored.champion, mirrored.challenger) == ("good", "bad")


def test_a_version_says_what_its_manifest_says(settings: Settings, folder: Store) -> None:
    three_bundles(folder)
    mirror(settings, folder)
    *_, second, third = versions(settings)
    assert second.tags == {
        "bundle": "c-second",
        "address": folder.address("models/c-second"),
        "manifest_sha256": log.live(folder).manifest_sha256,
        "data_hash": "d" * 64,
        "is_sample": "false",
        "accuracy": "0.9500",
        "dagster_run": "dagster-run-of-c-second",
        "code_version": "0" * 40,
        "releases": "2",
    }
    assert third.tags["is_sample"] == "true"
    assert "releases" not in third.tags
    assert "95.0% of 60 test photos" in str(second.description)
    assert folder.address("models/c-second") in str(second.description)
    assert "a sample" in str(third.description)


@pytest.mark.parametrize("kind", ["embedded", "served"])
def test_the_source_of_a_version_says_where_its_files_lie(
    kind: str, store: Store, request: pytest.FixtureRequest
) -> None:
    settings: Settings = request.getfixturevalue(kind)
    publish(store, "first")
    mirror(settings, store)
    (version,) = versions(settings)
    address = store.address("models/first")
    hidden = kind == "served" and address.startswith("file:")
    assert version.source == (f"dandelion:/models/first?at={address}" if hidden else address)
    assert version.tags["address"] == address


@pytest.mark.parametrize("name", ["a link", "ä+b %41 #?"])
def test_a_server_takes_folders_of_any_name(served: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "real")
    store = open_store((tmp_path / name).as_uri())
    publish(store, "first")
    mirror(served, store)
    assert versions(served)[0].tags["address"] == store.address("models/first")


def test_mlflow_finds_the_files_by_alias(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    version = ask(embedded).get_model_version_by_alias(NAME, CHAMPION)
    files = mlflow.artifacts.list_artifacts(version.source)
    assert "first/manifest.json" in {file.path for file in files}


def test_a_run_is_linked_if_mlflow_knows_it(settings: Settings, folder: Store) -> None:
    client = ask(settings)
    run = client.create_run("0").info.run_id
    publish(folder, "first", mlflow_run=run)
    publish(folder, "second", mlflow_run="from-another-mlflow")
    publish(folder, "third", mlflow_run="no id / at all")
    mirror(settings, folder)
    assert [version.run_id or None for version in versions(settings)] == [run, None, None]


def test_the_champion_follows_promotions_and_rollbacks(settings: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(settings, folder)
    assert aliases(settings) == {CHAMPION: "first"}
    publish(folder, "second")
    mirror(settings, folder)
    assert aliases(settings) == {CHAMPION: "second"}
    rollback(folder, to=None, **BY_PEOPLE)
    mirror(settings, folder)
    assert aliases(settings) == {CHAMPION: "first", CHALLENGER: "second"}
    assert versions(settings)[0].tags["releases"] == "1, 3"


def test_a_refused_candidate_is_the_challenger_until_it_is_promoted(
    settings: Settings, folder: Store
) -> None:
    publish(folder, "first")
    candidate = put_bundle(folder, "second")
    mirror(settings, folder)
    assert aliases(settings) == {CHAMPION: "first", CHALLENGER: "second"}
    promote(candidate, **BY_PEOPLE)
    mirror(settings, folder)
    assert aliases(settings) == {CHAMPION: "second"}


def test_without_a_release_there_is_no_champion(embedded: Settings, folder: Store) -> None:
    put_bundle(folder, "first")
    mirrored = mirror(embedded, folder)
    assert aliases(embedded) == {CHALLENGER: "first"}
    assert mirrored.champion is None


def test_a_store_without_models_leaves_the_registry_empty(
    embedded: Settings, folder: Store
) -> None:
    assert mirror(embedded, folder) == Mirrored({}, None, None, (), ())
    assert ask(embedded).search_registered_models() == []


def test_doing_it_again_changes_nothing(settings: Settings, folder: Store) -> None:
    three_bundles(folder)
    assert mirror(settings, folder).changes
    before = [dict(version) for version in versions(settings)]
    assert mirror(settings, folder).changes == ()
    assert [dict(version) for version in versions(settings)] == before


def test_what_lags_or_was_altered_is_repaired(settings: Settings, folder: Store) -> None:
    three_bundles(folder)
    mirror(settings, folder)
    client = ask(settings)
    first, second, third = (version.version for version in versions(settings))
    client.set_registered_model_alias(NAME, CHAMPION, first)
    client.delete_registered_model_alias(NAME, CHALLENGER)
    client.set_model_version_tag(NAME, second, "accuracy", "1.0000")
    client.delete_model_version(NAME, third)
    changes = mirror(settings, folder).changes
    assert set(changes) == {
        "champion is c-second",
        f"tag accuracy of version {second}",
        "version for a-third",
        "challenger is a-third",
    }
    assert aliases(settings) == {CHAMPION: "c-second", CHALLENGER: "a-third"}
    assert versions(settings)[1].tags["accuracy"] == "0.9500"


def test_what_people_added_stays(settings: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(settings, folder)
    client = ask(settings)
    number = versions(settings)[0].version
    client.update_model_version(NAME, number, "the one for the fair")
    client.set_model_version_tag(NAME, number, "asked_for_by", "Ada")
    theirs = client.create_model_version(NAME, "s3://elsewhere/model", await_creation_for=0)
    client.set_registered_model_alias(NAME, "fair", theirs.version)
    assert mirror(settings, folder).changes == ()
    assert set(client.get_registered_model(NAME).aliases) == {CHAMPION, "fair"}
    assert versions(settings)[0].description == "the one for the fair"
    assert versions(settings)[0].tags["asked_for_by"] == "Ada"


def test_of_doubles_the_first_stays(settings: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(settings, folder)
    client = ask(settings)
    double = client.create_model_version(
        NAME, "s3://bucket/first", tags={"bundle": "first"}, await_creation_for=0
    )
    client.set_registered_model_alias(NAME, CHAMPION, double.version)
    kept = versions(settings)[0].version
    mirror(settings, folder)
    assert [version.version for version in versions(settings)] == [kept]
    assert aliases(settings) == {CHAMPION: "first"}


def test_many_mirrors_at_once_make_no_doubles(settings: Settings, folder: Store) -> None:
    three_bundles(folder)
    start = threading.Barrier(6)

    def at_once(_: int) -> Mirrored:
        start.wait()
        return mirror(settings, folder)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(at_once, range(6)))
    assert bundles(settings) == ["b-first", "c-second", "a-third"]
    assert aliases(settings) == {CHAMPION: "c-second", CHALLENGER: "a-third"}
    assert {tuple(each.versions.values()) for each in said} == {
        tuple(int(version.version) for version in versions(settings))
    }


def test_after_many_releases_at_once_the_champion_is_the_live_one(
    settings: Settings, folder: Store
) -> None:
    def release(number: int) -> None:
        publish(folder, f"model-{number}")
        mirror(settings, folder)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(release, range(8)))
    assert sorted(bundles(settings)) == [f"model-{number}" for number in range(8)]
    assert aliases(settings)[CHAMPION] == log.live(folder).version


def test_two_processes_at_once_make_one_database_and_no_doubles_in_silence(
    embedded: Settings, folder: Store, tmp_path: Path
) -> None:
    three_bundles(folder)
    program = (
        "from dandelion_pipeline.defs.mlflow.registry import mirror\n"
        "from dandelion_pipeline.settings import load_settings\n"
        "from dandelion_pipeline.storage.objects.location import open_store\n"
        "settings = load_settings()\n"
        "mirror(settings, open_store(settings.store))\n"
    )
    fresh = embedded.model_copy(update={"home": tmp_path / "fresh"})
    env = {**os.environ, "DANDELION_STORE_URL": folder.url, "DANDELION_HOME": str(fresh.home)}
    command = [sys.executable, "-c", program]
    mirrors = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in mirrors]
    assert said == [b"", b""]
    assert [process.returncode for process in mirrors] == [0, 0]
    assert bundles(fresh) == ["b-first", "c-second", "a-third"]
    assert aliases(fresh) == {CHAMPION: "c-second", CHALLENGER: "a-third"}


def test_a_damaged_bundle_is_left_out_and_named(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    publish(folder, "second")
    folder.put(layout.model_file("second", layout.MANIFEST), b"{}")
    mirrored = mirror(embedded, folder)
    assert mirrored.unreadable == ("second",)
    assert mirrored.champion is None
    assert bundles(embedded) == ["first"]
    assert aliases(embedded) == {CHALLENGER: "first"}


def test_the_environment_stays_as_it_was(settings: Settings, folder: Store) -> None:
    publish(folder, "first")
    before = dict(os.environ)
    mirror(settings, folder)
    assert dict(os.environ) == before


@contextmanager
def a_server_that(health: int | None) -> Iterator[str]:
    """One that answers to /health (or not even that), and then no more."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/health" or health is None:
                over.wait()
            self.send_response(health or 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refused(settings: Settings, store: Store) -> tuple[str, float]:
    """What the failure says, and how many seconds it took to come."""
    started = time.monotonic()
    with pytest.raises(TrackingUnavailable) as caught:
        mirror(settings, store)
    return str(caught.value), time.monotonic() - started


def test_who_is_not_there_is_not_waited_for(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    away = f"http://ada:secret@127.0.0.1:{free_port()}"
    message, seconds = refused(Settings(home=embedded.home, mlflow_tracking_uri=away), folder)
    assert seconds < 3
    assert "/health does not answer" in message
    assert "MLFLOW_TRACKING_URI" in message
    assert "secret" not in message
    assert log.live(folder).version == "first"


def test_silence_is_given_up(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timeouts.PROBE_S < registry.TIMEOUT_S < 15
    monkeypatch.setattr(timeouts, "PROBE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts, and never answers
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        _, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert 0.4 < seconds < 3


@pytest.mark.parametrize("health", [200, 404])
def test_a_server_that_hangs_later_is_given_up_too(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch, health: int
) -> None:
    monkeypatch.setattr(registry, "TIMEOUT_S", 1.0)
    with a_server_that(health) as uri:
        message, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert "it took more than 1 seconds" in message
    assert seconds < 3


def test_a_server_that_is_ill_is_not_waited_for(embedded: Settings, folder: Store) -> None:
    with a_server_that(503) as uri:
        _, seconds = refused(embedded.model_copy(update={"mlflow_tracking_uri": uri}), folder)
    assert seconds < 3


def test_a_database_that_cannot_be_opened_is_not_waited_for(tmp_path: Path, folder: Store) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough for a header" * 9)
    message, seconds = refused(Settings(home=tmp_path, mlflow_tracking_uri=""), folder)
    assert "file is not a database" in message
    assert seconds < 3


def test_a_locked_database_is_given_up(
    embedded: Settings, folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    publish(folder, "second")
    monkeypatch.setattr(registry, "TIMEOUT_S", 1.0)
    with closing(sqlite3.connect(embedded.folder / "mlflow.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        message, seconds = refused(embedded, folder)
        other.rollback()
    assert "it took more than 1 seconds" in message
    assert seconds < 3
    assert log.live(folder).version == "second"
