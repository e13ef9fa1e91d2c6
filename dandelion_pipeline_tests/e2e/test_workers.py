"""Several processes on one port: they share the work, and outlive each other."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.e2e.conftest import SmallApi
from dandelion_pipeline_tests.servers.processes import stop
from dandelion_pipeline_tests.serving.conftest import wait_until
from serving.client import Client

WORKERS = 3


@contextmanager
def several(api: SmallApi, number: int = 2) -> Iterator[subprocess.Popen[bytes]]:
    """The one that watches, with all its workers ready."""
    api.environment["DANDELION_WORKERS"] = str(number)
    with api.running() as watcher:
        wait_until(lambda: len(loaded(api)) == number, timeout=30)
        yield watcher


def workers(watcher: subprocess.Popen[bytes]) -> list[int]:
    """Their process ids."""
    children = Path(f"/proc/{watcher.pid}/task/{watcher.pid}/children")
    return [int(child) for child in children.read_text().split()]


def by_worker(api: SmallApi, name: str) -> dict[str, float]:
    """A sample of each worker, summed over its other labels."""
    found: Counter[str] = Counter()
    text = httpx.get(f"{api.url}/metrics", trust_env=False).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                found[sample.labels["worker"]] += int(sample.value)
    return dict(found)


def loaded(api: SmallApi) -> list[str]:
    """The workers that have a model."""
    found = by_worker(api, "dandelion_model_loaded")
    return [worker for worker, is_loaded in found.items() if is_loaded]


def ask(api: SmallApi, times: int) -> None:
    """Each time over a connection of its own."""
    for _ in range(times):
        with Client(api.url) as client:
            assert client.predict(photo(), "a.jpg").label == "dandelion"


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z"
    except FileNotFoundError:
        return True


def test_several_workers_share_one_port_and_whichever_is_asked_tells_the_metrics_of_all(
    small_api: SmallApi,
) -> None:
    with several(small_api, WORKERS) as watcher:
        assert len(workers(watcher)) == WORKERS
        ask(small_api, 60)
        answered = by_worker(small_api, "dandelion_predictions_total")
        assert sum(answered.values()) == 60
        assert set(by_worker(small_api, "dandelion_photos_inside")) == {"0", "1", "2"}


def test_another_worker_takes_the_place_of_one_that_is_killed(small_api: SmallApi) -> None:
    with several(small_api, WORKERS) as watcher:
        before = workers(watcher)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: ended(before[0]))
        ask(small_api, 10)  # the others go on
        wait_until(lambda: len(loaded(small_api)) == WORKERS, timeout=30)
        after = workers(watcher)
        assert len(after) == WORKERS
        assert set(before[1:]) < set(after)


def test_all_stop_in_order_when_told_to_and_no_row_of_the_log_is_lost(
    small_api: SmallApi,
) -> None:
    from dandelion_pipeline.storage import layout  # noqa: PLC0415
    from dandelion_pipeline.storage.records.predictions import read_predictions  # noqa: PLC0415

    with several(small_api) as watcher:
        pids = workers(watcher)
        ask(small_api, 30)
        assert stop(watcher) == 0
        assert all(ended(pid) for pid in pids)
    store = small_api.store
    days = {one.key.split("/")[1] for one in store.list_objects(layout.PREDICTIONS)}
    assert sum(read_predictions(store, day).num_rows for day in days) == 30


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_one_that_watches(small_api: SmallApi, how: signal.Signals) -> None:
    with several(small_api) as watcher:
        pids = workers(watcher)
        watcher.send_signal(how)
        watcher.wait(30)
        wait_until(lambda: all(ended(pid) for pid in pids), timeout=20)
