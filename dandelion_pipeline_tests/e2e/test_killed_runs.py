"""A training is killed: it is noticed, its slot is free, MLflow knows, and it is retried."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from mlflow import MlflowClient

from dandelion_pipeline.cli.pipeline import prepare_dagster_home
from dandelion_pipeline.defs.pools import TRAINING_POOL
from dandelion_pipeline.defs.tracking import EXPERIMENT, ensure_experiment
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline_tests.defs.conftest import use_home
from dandelion_pipeline_tests.defs.test_crashes import code_server, fill
from dandelion_pipeline_tests.processes import free_port, stop
from dandelion_pipeline_tests.serving.conftest import wait_until

PATIENCE = 120
pytestmark = pytest.mark.stack  # minutes, most of them waiting for the daemon
TRAINING = {"epochs": 12, "size": 32, "batch_size": 8}


@dataclass
class Place:
    """An instance with a daemon and a code server."""

    workspace: Path

    def launch(self) -> None:
        """Ask for a training, as the UI does."""
        config = self.workspace.with_name("config.yaml")
        config.write_text(yaml.safe_dump({"ops": {"trained_model": {"config": TRAINING}}}))
        where = ["-w", str(self.workspace), "-j", "training_job", "-c", str(config)]
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "job", "launch", *where]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def runs(self) -> list[dg.DagsterRun]:
        """The trainings, the first one first."""
        with dg.DagsterInstance.get() as instance:
            return list(instance.get_runs(dg.RunsFilter(job_name="training_job")))[::-1]

    def worker(self) -> int | None:
        """The process that trains, once it does."""
        with dg.DagsterInstance.get() as instance:
            for run in instance.get_runs():
                messages = [entry.message for entry in instance.all_logs(run.run_id)]
                found = re.search(r"Executing steps in process \(pid: (\d+)\)", "\n".join(messages))
                if found and any("epoch" in message for message in messages):
                    return int(found.group(1))
        return None

    def free_slots(self) -> bool:
        """Whether nobody holds the slot of the training pool."""
        with dg.DagsterInstance.get() as instance:
            info = instance.event_log_storage.get_concurrency_info(TRAINING_POOL)
            return info.active_slot_count == 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    use_home(monkeypatch, tmp_path)
    monkeypatch.setenv("DANDELION_LANDING_THRESHOLD", "1000")  # no ingestion comes between
    settings = load_settings()
    fill()
    ensure_experiment(settings)
    config = prepare_dagster_home(settings) / "dagster.yaml"
    config.write_text(
        config.read_text().replace("poll_interval_seconds: 20", "poll_interval_seconds: 3")
    )
    port = free_port()
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(f"load_from: [grpc_server: {{host: 127.0.0.1, port: {port}}}]\n")
    daemon = [sys.executable, "-W", "ignore", "-m", "dagster._daemon", "run", "-w", str(workspace)]
    with code_server(port):
        process = subprocess.Popen(daemon, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield Place(workspace)
        finally:
            stop(process)


def test_a_killed_training_is_noticed_lets_go_of_its_slot_and_is_run_again(place: Place) -> None:
    place.launch()
    wait_until(lambda: place.worker() is not None, PATIENCE)
    pid = place.worker()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: place.runs()[0].status is dg.DagsterRunStatus.FAILURE, PATIENCE)
    first = place.runs()[0]
    wait_until(lambda: mlflow_status(first.run_id) == ["FAILED"], PATIENCE)
    wait_until(lambda: len(place.runs()) == 2, PATIENCE)
    again = place.runs()[1]
    assert again.parent_run_id == first.run_id
    wait_until(lambda: place.runs()[1].is_finished, PATIENCE)
    assert place.runs()[1].status is dg.DagsterRunStatus.SUCCESS
    assert place.free_slots()
    wait_until(lambda: mlflow_status(again.run_id) == ["FINISHED"], PATIENCE)
    assert log.live(open_store(load_settings().store)).number == 1


def mlflow_status(run_id: str) -> list[str]:
    """How the MLflow runs of a Dagster run ended."""
    client = MlflowClient(load_settings().tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{run_id}'")
    return [run.info.status for run in found]
