"""How long the API goes on with a model after it was rolled back, beside its poll interval.

A real ResNet18 (untrained), the API in a process of its own with the default poll of 2 seconds,
four clients that ask without pause; ten rollbacks, each right after the poll that noticed a
promotion, so that it has to wait a whole interval: the worst case.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.resnet import build_network
from dandelion_pipeline.release.promotion import promote, rollback
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.training.export.onnx_graphs import export_onnx
from dandelion_pipeline_tests.data.tiny_models import photo, publish, put_bundle
from dandelion_pipeline_tests.servers.processes import free_port, running

POLL_SECONDS = 2.0
CLIENTS = 4
ROUNDS = 10


def main() -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        preprocessing = Preprocessing(size=128)
        graph = export_onnx(build_network(2).eval(), preprocessing)
        shape = {"preprocessing": preprocessing.model_dump()}
        publish(store, "old", graph, **shape)
        new = put_bundle(store, "new", graph, **shape)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_API_PORT": str(port),
            "DANDELION_POLL_SECONDS": str(POLL_SECONDS),
        }
        api = [sys.executable, "-m", "serving"]
        with running(api, url=f"{url}/readyz", env={**os.environ, **environment}):
            clients = Clients(url)
            delays = []
            for _ in range(ROUNDS):
                promote(new, who="the benchmark", why="to roll it back")
                clients.wait_for("new")
                rolled_back = time.monotonic()
                rollback(store, to=None, who="the benchmark", why="it is one")
                delays.append(clients.wait_for("old") - rolled_back)
            answers, failed = clients.stop()
    table = Table(
        "rollback to the first answer of the old model", "seconds", "of the poll interval"
    )
    for name, value in (("median", statistics.median(delays)), ("longest", max(delays))):
        table.add_row(name, f"{value:.2f}", f"{value / POLL_SECONDS:.2f}")
    table.add_row("answers meanwhile, and failed ones", f"{answers:,}", f"{failed}")
    Console().print(table)


class Clients:
    """Clients that ask without pause."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self._first: dict[str, float] = {}
        self._answers = self._failed = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, version: str) -> float:
        """When a version answered for the first time since this call."""
        with self._lock:
            self._first.clear()
        while version not in self._first:
            time.sleep(0.005)
        return self._first[version]

    def stop(self) -> tuple[int, int]:
        """The number of answers, and of those that were errors."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self._answers, self._failed

    def _ask(self) -> None:
        data = photo(size=200)
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as client:
            while not self._stopped.is_set():
                answer = client.post("/predict", files={"file": data})
                with self._lock:
                    self._answers += 1
                    self._failed += not answer.is_success
                    if answer.is_success:
                        self._first.setdefault(answer.json()["model"]["version"], time.monotonic())


if __name__ == "__main__":
    main()
