"""MLflow's registry beside the release log, with a real MLflow: embedded, and a real server."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.defs.mlflow.registry import CHALLENGER, CHAMPION, Mirrored, mirror
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT
from dandelion_pipeline.release import log
from dandelion_pipeline.release.promotion import promote, rollback
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish, put_bundle
from dandelion_pipeline_tests.defs.mlflow.registered import (
    aliases,
    ask,
    bundles,
    three_bundles,
    versions,
)

BY_PEOPLE: dict[str, Any] = {"who": "a test", "why": "it is being tested"}


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
