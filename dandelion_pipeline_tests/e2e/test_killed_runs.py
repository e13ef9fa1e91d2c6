"""A training is killed: it is noticed, its slot is free, MLflow knows, and it is retried."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from mlflow import MlflowClient

from dandelion_pipeline.cli.pipeline import prepare_dagster_home
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT, ensure_experiment
from dandelion_pipeline.defs.runs.pools import TRAINING_POOL
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import StoredObject
from dandelion_pipeline_tests.defs.conftest import use_home
from dandelion_pipeline_tests.defs.runs.test_crashes import fill
from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.serving.conftest import wait_until
from dandelion_pipeline_tests.stack.code_server import code_server_at
from dandelion_pipeline_tests.stack.services import Service, Services, running_services

TIMEOUT = 240  # Dagster's daemon loads a code server that was started anew once a minute
pytestmark = [pytest.mark.stack, pytest.mark.timeout(5 * TIMEOUT)]
OPS = {
    "trained_model": {"config": {"epochs": 12, "size": 32, "batch_size": 8}},
    "published_model": {"config": {"force_reason": "a network so small is never good enough"}},
}


@dataclass
class Place:
    """An instance with a daemon and a code server."""

    workspace: Path
    services: Services

    def launch(self) -> str:
        """Ask for a training, as the UI does, and give the run once it trains."""
        config = self.workspace.with_name("config.yaml")
        config.write_text(yaml.safe_dump({"ops": OPS}))
        where = ["-w", str(self.workspace), "-j", "training_job", "-c", str(config)]
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "job", "launch", *where]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
        newest = self.runs()[-1].run_id
        wait_until(lambda: self.worker(newest) is not None, TIMEOUT)
        return newest

    def runs(self) -> list[dg.DagsterRun]:
        """The trainings, the first one first."""
        with dg.DagsterInstance.get() as instance:
            return list(instance.get_runs(dg.RunsFilter(job_name="training_job")))[::-1]

    def run(self, run_id: str) -> dg.DagsterRun:
        (found,) = [run for run in self.runs() if run.run_id == run_id]
        return found

    def retries(self, run_id: str) -> list[dg.DagsterRun]:
        return [run for run in self.runs() if run.parent_run_id == run_id]

    def worker(self, run_id: str) -> int | None:
        """The process that trains, once the checkpoint of its first epoch is written."""
        with dg.DagsterInstance.get() as instance:
            messages = [entry.message for entry in instance.all_logs(run_id)]
        found = re.search(r"Executing steps in process \(pid: (\d+)\)", "\n".join(messages))
        kept = any("epoch   2/" in message for message in messages)
        return int(found.group(1)) if found and kept else None

    def went_on(self, run_id: str) -> bool:
        """Whether a run began where another one was killed."""
        with dg.DagsterInstance.get() as instance:
            entries = instance.all_logs(run_id)
        return any("going on after epoch" in entry.message for entry in entries)

    def free_slots(self) -> bool:
        """Whether nobody holds the slot of the training pool."""
        with dg.DagsterInstance.get() as instance:
            info = instance.event_log_storage.get_concurrency_info(TRAINING_POOL)
            return info.active_slot_count == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home: Path = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch, running_services(home) as services:
        use_home(patch, home)
        patch.setenv("DANDELION_LANDING_THRESHOLD", "1000")  # no ingestion comes between
        settings = load_settings()
        fill()
        ensure_experiment(settings)
        prepare_dagster_home(settings)
        port, workspace = free_port(), home / "workspace.yaml"
        workspace.write_text(f"load_from: [grpc_server: {{host: 127.0.0.1, port: {port}}}]\n")
        services.start(code_server_at(port, "dandelion_pipeline.definitions", os.environ))
        services.wait("dagster-code")
        daemon = [sys.executable, "-W", "ignore", "-m", "dagster._daemon", "run"]
        command = [*daemon, "-w", str(workspace)]
        services.start(Service("dagster-daemon", command, dict(os.environ), lambda _: True))
        yield Place(workspace, services)


def kill_worker(place: Place, run_id: str) -> None:
    pid = place.worker(run_id)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def kill_code_server(place: Place, run_id: str) -> None:
    """Kill the server with its run, as if its container died, and start it again."""
    pid = place.worker(run_id)
    assert pid is not None
    place.services.restart({"dagster-code": signal.SIGKILL})
    place.services.wait("dagster-code")
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("kill", [kill_worker, kill_code_server], ids=["run", "code_server"])
def test_a_killed_training_is_noticed_lets_go_of_its_slot_and_is_run_again(
    place: Place,
    kill: Callable[[Place, str], None],
    record_property: Callable[[str, object], None],
) -> None:
    before = len(releases())
    first = place.launch()
    killed = time.monotonic()
    kill(place, first)
    wait_until(lambda: place.run(first).status is dg.DagsterRunStatus.FAILURE, TIMEOUT)
    took = time.monotonic() - killed
    record_property("figure", f"{kill.__name__}: Dagster noticed after {took:.0f} s")
    wait_until(lambda: mlflow_status(first) == ["FAILED"], TIMEOUT)
    wait_until(lambda: place.retries(first), TIMEOUT)
    wait_until(lambda: place.retries(first)[0].is_finished, TIMEOUT)
    (again,) = place.retries(first)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert place.went_on(again.run_id)
    assert place.free_slots()
    wait_until(lambda: mlflow_status(again.run_id) == ["FINISHED"], TIMEOUT)
    assert len(releases()) in ({1} if before == 0 else {before, before + 1})


def releases() -> list[StoredObject]:
    return open_store(load_settings().store).list_objects(layout.RELEASES)


def mlflow_status(run_id: str) -> list[str]:
    """How the MLflow runs of a Dagster run ended."""
    client = MlflowClient(load_settings().tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.dagster_run_id = '{run_id}'")
    return [run.info.status for run in found]
