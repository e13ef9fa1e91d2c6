"""The API is killed under load, again and again: no answer that it gave is missing from the log.

``DANDELION_KILL_ROUNDS=50`` kills it fifty times; ``-s`` shows how soon it answered again.
"""

import os
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.predictions import read_predictions
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.e2e.conftest import SmallApi
from dandelion_pipeline_tests.servers.processes import stop
from dandelion_pipeline_tests.serving.conftest import wait_until

ROUNDS = int(os.environ.get("DANDELION_KILL_ROUNDS", "4"))
CLIENTS = 4


@dataclass
class Load:
    """Clients that ask without pause, through every death of the API."""

    url: str
    answered: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=5) as client:
            while not self.over.is_set():
                try:
                    answer = client.post("/predict", files={"file": photo()})
                except httpx.TransportError:  # it was killed
                    self.over.wait(0.02)
                    continue
                if answer.is_success:
                    self.answered.append(answer.json()["prediction_id"])


def logged(store: Store) -> list[str]:
    """The names of all predictions of yesterday and today: midnight may have passed."""
    days = [datetime.now(UTC) - timedelta(days=1), datetime.now(UTC)]
    tables = [read_predictions(store, f"{day:%Y-%m-%d}") for day in days]
    return [name for table in tables for name in table["prediction_id"].to_pylist()]


def journals(api: SmallApi) -> list[Path]:
    """The files of rows that are on disk and not yet in the store."""
    folder = Path(api.environment["DANDELION_HOME"]) / "serving" / "predictions"
    return [path for path in folder.iterdir() if path.is_file()]


def test_an_api_that_is_killed_loses_and_doubles_no_answer_in_its_log(
    small_api: SmallApi,
) -> None:
    load = Load(small_api.url)
    clients = [threading.Thread(target=load.ask) for _ in range(CLIENTS)]
    chance = random.Random(5)  # noqa: S311  nothing is to be kept secret
    for client in clients:
        client.start()
    try:
        for number in range(ROUNDS):
            began, before = time.perf_counter(), len(load.answered)
            with small_api.running() as api:
                ready = time.perf_counter() - began
                wait_until(lambda: len(load.answered) > before + 20)  # noqa: B023
                time.sleep(chance.uniform(0, 0.5))  # its log is written every 0.2 s
                api.kill()
                api.wait()
            answered = len(load.answered) - before
            print(f"{number}: ready after {ready:.2f} s, then {answered} answers")  # noqa: T201
        with small_api.running() as api:
            load.over.set()
            for client in clients:
                client.join(30)
            stop(api)
    finally:
        load.over.set()
    found = logged(small_api.store)
    assert len(load.answered) > 20 * ROUNDS
    assert len(found) == len(set(found))
    assert set(load.answered) <= set(found)
    assert journals(small_api) == []
