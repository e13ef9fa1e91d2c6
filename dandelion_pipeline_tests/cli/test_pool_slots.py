import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest

from dandelion_pipeline.cli.pool_slots import PROCESS_TAG, free_unused_slots, this_process

POOL = "training"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield instance


def gone() -> str:
    """The name of a process that has ended."""
    name = "from dandelion_pipeline.cli.pool_slots import this_process; print(this_process())"
    return subprocess.run(
        [sys.executable, "-c", name], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def run_with_slot(
    instance: dg.DagsterInstance,
    process: str | None,
    status: dg.DagsterRunStatus,
    parent: str | None = None,
) -> dg.DagsterRun:
    tags = {PROCESS_TAG: process} if process else {}
    run = instance.add_run(
        dg.DagsterRun(
            job_name="job", status=status, tags=tags, parent_run_id=parent, root_run_id=parent
        )
    )
    claim = instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "trained_model")
    assert claim.is_claimed
    return run


def claimed(instance: dg.DagsterInstance) -> set[str]:
    slots = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
    return {slot.run_id for slot in slots}


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status


def test_a_run_whose_process_is_gone_ends_and_frees_its_slot(
    instance: dg.DagsterInstance,
) -> None:
    run = run_with_slot(instance, gone(), dg.DagsterRunStatus.STARTED)
    assert list(free_unused_slots(instance)) == []
    assert status_of(instance, run) is dg.DagsterRunStatus.CANCELED
    assert claimed(instance) == set()


def test_an_ended_run_holds_no_slot(instance: dg.DagsterInstance) -> None:
    run_with_slot(instance, None, dg.DagsterRunStatus.FAILURE)
    assert list(free_unused_slots(instance)) == []
    assert claimed(instance) == set()


@pytest.mark.parametrize(
    "process",
    [this_process(), None, "another-host:1:2"],
    ids=["this process", "a process that is not named", "a process of another host"],
)
def test_a_run_that_may_be_running_keeps_its_slot_and_is_named(
    instance: dg.DagsterInstance, process: str | None
) -> None:
    run = run_with_slot(instance, process, dg.DagsterRunStatus.STARTED)
    assert [other.run_id for other in free_unused_slots(instance)] == [run.run_id]
    assert status_of(instance, run) is dg.DagsterRunStatus.STARTED
    assert claimed(instance) == {run.run_id}


def test_a_retry_has_a_process_of_its_own_whatever_its_tags_say(
    instance: dg.DagsterInstance,
) -> None:
    first = instance.add_run(dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.FAILURE))
    retry = run_with_slot(instance, gone(), dg.DagsterRunStatus.STARTED, first.run_id)
    assert [other.run_id for other in free_unused_slots(instance)] == [retry.run_id]
    assert status_of(instance, retry) is dg.DagsterRunStatus.STARTED
