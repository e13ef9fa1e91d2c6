"""Sixteen processes publish at once: the log loses nothing, and no bundle is overwritten."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from threading import Barrier

import pytest

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import bundle, log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

WRITERS, TURNS = 16, 50
CONTENDERS = 6  # more of them wait longer for SeaweedFS to tell them that they lost
CONTESTED = ["contested-1", "contested-2", "contested-3"]
TIMEOUT = 60  # seconds that a writer waits for the others

Job = Callable[[Store, int, Barrier], list[Release]]


def test_of_800_publications_by_16_processes_none_is_lost_doubled_or_overwritten(
    store: Store,
) -> None:
    told = at_once(publish_in_turn, store, WRITERS)
    history = log.history(store)
    assert [entry.number for entry in history] == list(range(1, WRITERS * TURNS + 1))
    versions = [entry.version for entry in history]
    assert [entry.previous for entry in history] == [None, *versions[:-1]]
    assert sorted(versions) == sorted(v for w in range(WRITERS) for v in versions_of(w))
    assert history == sorted(told, key=lambda entry: entry.number)  # what each writer was told
    assert_bundles_are_their_writers(store, history)


def test_of_different_models_under_one_version_one_wins_and_the_others_are_told(
    store: Store,
) -> None:
    won = at_once(publish_under_the_same_versions, store, CONTENDERS)
    history = log.history(store)
    assert history == sorted(won, key=lambda entry: entry.number)
    assert sorted(entry.version for entry in history) == CONTESTED  # one winner each
    assert_bundles_are_their_writers(store, history)


def at_once(job: Job, store: Store, writers: int) -> list[Release]:
    """Run a job in so many processes, and gather what they return.

    They fork from a process that has imported everything and has not used obstore, whose
    threads would not survive a fork. It keeps the environment of its start, so each writer
    is handed the settings of this test's store.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with context.Manager() as manager, ProcessPoolExecutor(writers, context) as processes:
        start = manager.Barrier(writers)
        running = [
            processes.submit(in_process, job, store.url, settings, writer, start)
            for writer in range(writers)
        ]
        return [release for each in running for release in each.result()]


def in_process(
    job: Job, url: str, settings: dict[str, str], writer: int, start: Barrier
) -> list[Release]:
    os.environ.update(settings)
    try:
        return job(open_store(url), writer, start)
    except BaseException:
        start.abort()  # or the others would wait for this one
        raise


def publish_in_turn(store: Store, writer: int, start: Barrier) -> list[Release]:
    start.wait(TIMEOUT)
    return [publish(store, writer, version) for version in versions_of(writer)]


def publish_under_the_same_versions(store: Store, writer: int, start: Barrier) -> list[Release]:
    """What this writer published; of the other versions it was told that they are taken."""
    won = []
    for version in CONTESTED:
        start.wait(TIMEOUT)
        try:
            won.append(publish(store, writer, version))
        except BundleError as error:
            if "it exists with other contents" not in error.why:
                raise
    return won


def publish(store: Store, writer: int, version: str) -> Release:
    files = files_of(writer, version)
    bundle.put_files(store, version, files)
    finished = bundle.finish(store, tiny_models.manifest(version, files))
    return promote(finished, who=str(writer), why="its turn has come")


def versions_of(writer: int) -> list[str]:
    return [f"writer-{writer}-turn-{turn}" for turn in range(TURNS)]


def files_of(writer: int, version: str) -> dict[str, bytes]:
    names = ("model.onnx", "weights.safetensors", "golden/1.json")
    return {name: f"{name} of {version} by writer {writer}".encode() for name in names}


def assert_bundles_are_their_writers(store: Store, history: Iterable[Release]) -> None:
    """Each release's bundle is what its writer wrote; no other file lies among the models."""
    expected: dict[str, bytes] = {}
    for entry in history:
        files = files_of(int(entry.who), entry.version)
        published = open_bundle(store, entry.version, entry.manifest_sha256)
        published.verify()
        assert published.manifest.files == bundle.digests(files)
        files[layout.MANIFEST] = published.manifest.to_json()
        expected |= {layout.model_file(entry.version, n): data for n, data in files.items()}
    found = [o.key for o in store.list_objects(layout.MODELS)]
    assert dict(store.get_many(found)) == expected
