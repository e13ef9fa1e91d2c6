"""Damaged photos over HTTP: each gets an answer of its own, and the API is none the worse.

``DANDELION_MUTANTS=170`` sends all that there are of each sound file.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import httpx
import pytest

from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.e2e.conftest import SmallApi
from dandelion_pipeline_tests.images.decoding.mutants import mutant, sound_files
from dandelion_pipeline_tests.servers.processes import MB, resident
from dandelion_pipeline_tests.serving.conftest import wait_until
from serving.api.problems import MOST_FILES

EACH = int(os.environ.get("DANDELION_MUTANTS", "12"))
REFUSED = {413, 415, 422}


def damaged() -> Iterator[bytes]:
    """Mutants of every format, in an order that mixes them."""
    for number in range(EACH):
        for name in sound_files():
            yield mutant(name, number)


def send_all(api: httpx.Client) -> Counter[str]:
    """Send them in batches. How many were answered, and how many were refused why."""
    outcomes: Counter[str] = Counter()
    files = damaged()
    while batch := list(islice(files, MOST_FILES)):
        answer = api.post("/predict/batch", files=[("files", data) for data in batch])
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert len(results) == len(batch)
        for result in results:
            problem = result["problem"]
            if problem is not None:
                assert problem["status"] in REFUSED
            outcomes[problem["reason"] if problem else "answered"] += 1
    return outcomes


def probabilities(api: httpx.Client) -> dict[str, float]:
    """Of a sound photo."""
    told: dict[str, float] = api.post("/predict", files={"file": photo()}).json()["probabilities"]
    return told


@pytest.mark.timeout(600)
def test_damaged_photos_are_answered_or_refused_and_leave_nothing_behind(
    api_of_each_kind: SmallApi,
) -> None:
    with (
        api_of_each_kind.running() as api,
        httpx.Client(base_url=api_of_each_kind.url, trust_env=False, timeout=60) as client,
    ):
        answer = probabilities(client)
        first = send_all(client)
        # What is loaded for the first table of the log stays loaded.
        written = "dandelion_log_rows_written_total 0.0"
        wait_until(lambda: written not in client.get("/metrics").text, timeout=30)
        second = send_all(client)
        before = resident(api.pid)
        third = send_all(client)
        after = resident(api.pid)
        assert api.poll() is None
        assert probabilities(client) == pytest.approx(answer)
    print(first, f"{before / MB:.0f} MB, then {after / MB:.0f} MB")  # noqa: T201
    assert first == second == third
    assert first["answered"] > 0
    assert first["broken"] > 0
    assert after - before < 20 * MB
