"""A rollback in earnest: real API, real command, and clients that never stop asking."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.tiny_models import onnx_graph, photo, publish
from dandelion_pipeline_tests.servers.processes import free_port, running
from dandelion_pipeline_tests.serving.conftest import wait_until

CLIENTS = 4


@dataclass
class Load:
    """Clients that ask without pause, and what they were told: status, version, label."""

    url: str
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            while not self.stop.is_set():
                answer = client.post("/predict", files={"file": photo()})
                said = answer.json()
                version = said.get("model", {}).get("version", "")
                self.answers.append((answer.status_code, version, said.get("label", "")))

    def answered_by(self, version: str) -> int:
        return sum(answer[1] == version for answer in list(self.answers))


@pytest.fixture
def environment(store_url: str, tmp_path: Path) -> dict[str, str]:
    """A store of each kind, and MLflow under a home of its own."""
    ours = {"DANDELION_STORE_URL": store_url, "DANDELION_HOME": str(tmp_path / "home")}
    return {**os.environ, **ours, "DANDELION_POLL_SECONDS": "0.5"}


@pytest.fixture
def load(environment: dict[str, str]) -> Iterator[Load]:
    """The clients of a running API in which `good` and then `bad` went live."""
    store = open_store(environment["DANDELION_STORE_URL"])
    publish(store, "good")
    publish(store, "bad", onnx_graph(flipped=True))  # calls dandelions grass
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    api = [sys.executable, "-m", "serving"]
    with running(api, url=f"{url}/readyz", env={**environment, "DANDELION_API_PORT": str(port)}):
        load = Load(url)
        clients = [threading.Thread(target=load.ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield load
        finally:
            load.stop.set()
            for client in clients:
                client.join(30)


def test_a_rollback_under_load_is_followed_and_fails_no_request(
    load: Load, environment: dict[str, str]
) -> None:
    wait_until(lambda: load.answered_by("bad") > 20)
    command = [str(Path(sys.executable).with_name("dandelion")), "releases", "rollback"]
    done = subprocess.run(
        [*command, "--reason", "it calls dandelions grass"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "good, in place of bad, as release 3" in done.stdout
    wait_until(lambda: load.answered_by("good") > 100)
    load.stop.set()
    assert {status for status, _, _ in load.answers} == {200}
    assert {answer[1:] for answer in load.answers} == {("bad", "grass"), ("good", "dandelion")}
    assert load.answers[-1][1] == "good"
