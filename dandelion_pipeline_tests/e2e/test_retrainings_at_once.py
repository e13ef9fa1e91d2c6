"""Two retrainings publish at the same moment: one after the other in the log, and both judged."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dandelion_pipeline.evaluation.scores import champion_version, score
from dandelion_pipeline.gate.publish import publish_in_turn
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import put_files
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.gate.test_publish import (
    ORIGIN,
    challenger,
    coloured_dataset,
    published,
)

pytestmark = pytest.mark.e2e
TIMEOUT = 60  # seconds that one waits for the other


def test_of_two_retrainings_at_once_the_second_is_judged_against_the_first(tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    store = open_store(url)
    published(store, coloured_dataset(store), "before")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Manager() as manager, ProcessPoolExecutor(2, context) as processes:
        start = manager.Barrier(2)
        runs = [processes.submit(retrain, url, version, start) for version in ("one", "two")]
        assert [run.result() for run in runs] == ["before", "before"]
    before, first, second = log.history(store)
    assert {first.version, second.version} == {"one", "two"}
    assert (first.previous, second.previous) == (before.version, first.version)
    for entry in (first, second):
        decision = last_decision(store, entry.version)
        assert decision is not None
        assert (decision.promote, decision.champion) == (True, entry.previous)


def retrain(url: str, version: str, start: Barrier) -> str | None:
    """Score a model, wait until the other one is scored too, and publish."""
    store = open_store(url)
    dataset = coloured_dataset(store)
    model = challenger(dataset, version)
    put_files(store, version, model.bundle_files())
    scores = score(store, dataset, model)
    start.wait(TIMEOUT)
    publish_in_turn(store, dataset, model, scores, ORIGIN)
    return champion_version(scores)
