"""Who executes a run that did not come out of the queue, and what happens when that is gone."""

import os
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from dandelion_pipeline.defs.runs.launcher import WatchedRunLauncher
from dandelion_pipeline.defs.runs.processes import (
    NO_RETRY,
    PROCESS_TAG,
    Process,
    end_dead_runs,
    process_of,
    this_process,
)

ME = Process.of(os.getpid())


@pytest.fixture(scope="module")
def gone() -> str:
    """A process that has ended."""
    name = "from dandelion_pipeline.defs.runs.processes import this_process; print(this_process())"
    return subprocess.run(
        [sys.executable, "-c", name], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def shared() -> Iterator[dg.DagsterInstance]:
    launcher = {"module": WatchedRunLauncher.__module__, "class": WatchedRunLauncher.__name__}
    retries = {"enabled": True, "max_retries": 2}
    overrides = {"run_launcher": launcher, "run_retries": retries}
    with dg.instance_for_test(overrides=overrides) as instance:
        yield instance


@pytest.fixture
def instance(shared: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """Making one takes long, so tests share it."""
    yield shared
    for run in shared.get_runs():
        shared.delete_run(run.run_id)


def run_of(
    instance: dg.DagsterInstance,
    process: str | None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    parent: str | None = None,
) -> dg.DagsterRun:
    tags = {PROCESS_TAG: process, **NO_RETRY} if process else {}
    return instance.add_run(
        dg.DagsterRun(
            job_name="job", status=status, tags=tags, parent_run_id=parent, root_run_id=parent
        )
    )


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status


@pytest.mark.parametrize(
    ("status", "ends_as"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
        (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.SUCCESS),
    ],
)
def test_a_run_whose_process_is_gone_is_given_an_end_wherever_it_was(
    instance: dg.DagsterInstance,
    gone: str,
    status: dg.DagsterRunStatus,
    ends_as: dg.DagsterRunStatus,
) -> None:
    run = run_of(instance, gone, status)
    ended = [dead.run_id for dead in end_dead_runs(instance)]
    assert ended == [run.run_id] * (status is not ends_as)
    assert status_of(instance, run) is ends_as


def test_it_is_not_said_to_be_run_again_for_dagster_cannot(
    instance: dg.DagsterInstance, gone: str
) -> None:
    run = run_of(instance, gone)
    end_dead_runs(instance)
    found = instance.get_run_by_id(run.run_id)
    assert found
    assert found.tags["dagster/will_retry"] == "false"


def test_a_process_of_before_the_machine_was_started_anew_is_gone() -> None:
    before = Process(ME.host, "00000000-0000-0000-0000-000000000000", ME.pid, ME.start)
    assert before.is_gone
    assert not before.is_running


@pytest.mark.parametrize(
    "process",
    [
        str(ME),
        f"{ME.host}:{ME.pid}:{ME.start}",  # as earlier versions named it
        f"another-host:{ME.boot}:1:2",
        "another-host:1:2",
        None,
        "no process at all",
    ],
    ids=["this", "this, in short", "another host's", "another host's, in short", "none", "text"],
)
def test_a_run_that_may_be_running_is_left_alone(
    instance: dg.DagsterInstance, process: str | None
) -> None:
    run = run_of(instance, process)
    assert end_dead_runs(instance) == []
    health = instance.run_launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.RUNNING


def test_a_retry_has_a_process_of_its_own_whatever_its_tags_say(
    instance: dg.DagsterInstance, gone: str
) -> None:
    first = run_of(instance, gone, dg.DagsterRunStatus.FAILURE)
    retry = run_of(instance, gone, parent=first.run_id)
    assert process_of(retry) is None
    assert end_dead_runs(instance) == []


def test_dagsters_monitor_sees_that_the_process_of_a_run_is_gone(
    instance: dg.DagsterInstance, gone: str
) -> None:
    health = instance.run_launcher.check_run_worker_health(run_of(instance, gone))
    assert health.status is WorkerStatus.FAILED
    assert "was killed" in (health.msg or "")


def test_terminate_in_dagster_stops_the_process_of_a_run_and_no_other(
    instance: dg.DagsterInstance, gone: str
) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not instance.run_launcher.terminate(run_of(instance, gone).run_id)
        strange = Process(ME.host, ME.boot, process.pid, "1")  # the number was given anew
        assert not instance.run_launcher.terminate(run_of(instance, str(strange)).run_id)
        assert process.poll() is None
        run = run_of(instance, str(Process.of(process.pid)))
        assert instance.run_launcher.terminate(run.run_id)
        assert process.wait() == -15
    assert status_of(instance, run) is dg.DagsterRunStatus.CANCELING


def test_this_process_is_running() -> None:
    found = Process.parse(this_process())
    assert found == ME
    assert found.is_running
    assert not found.is_gone
