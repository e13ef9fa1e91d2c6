"""Runs wait for their pools, whoever started them, asleep, and say for whom."""

import os
import threading
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from dandelion_pipeline.defs.runs.executor import one_at_a_time_executor
from dandelion_pipeline.defs.runs.processes import PROCESS_TAG, Process, this_process
from dandelion_pipeline.defs.runs.slots import free_slots, holders, wait_for_slots

POOL, OTHER = "training", "ingestion"


def pools(granularity: str) -> dict[str, object]:
    return {"pools": {"default_limit": 1, "granularity": granularity}}


@pytest.fixture(scope="module")
def by_run() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(overrides={"concurrency": pools("run")}) as instance:
        yield instance


@pytest.fixture
def instance(by_run: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """One whose runs claim slots themselves; making it takes long, so tests share it."""
    yield by_run
    for run in by_run.get_runs():
        free_slots(by_run, run.run_id)
        by_run.delete_run(run.run_id)


def started(instance: dg.DagsterInstance, process: str | None = None) -> dg.DagsterRun:
    tags = {PROCESS_TAG: process} if process else {}
    status = dg.DagsterRunStatus.STARTED
    return instance.add_run(dg.DagsterRun(job_name="job", status=status, tags=tags))


def holding(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    wait_for_slots(instance, run, [POOL], pytest.fail)
    return run


def gone() -> str:
    return str(Process(Process.of(os.getpid()).host, "an earlier boot", 1, "1"))


def claimed(instance: dg.DagsterInstance) -> list[str]:
    slots = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
    return [slot.run_id for slot in slots]


@pytest.mark.parametrize(
    "process",
    [None, this_process(), "another-host:boot:1:2"],
    ids=["a process that is not named", "this process", "a process of another host"],
)
def test_a_run_that_may_be_running_keeps_its_slot_and_who_waits_says_so_once(
    instance: dg.DagsterInstance, process: str | None
) -> None:
    holder, waiter = holding(instance, started(instance, process)), started(instance)
    said: list[str] = []
    heard = threading.Event()

    def say(sentence: str) -> None:
        said.append(sentence)
        heard.set()

    waiting = threading.Thread(target=wait_for_slots, args=(instance, waiter, [POOL], say))
    waiting.start()
    assert heard.wait(60)
    assert claimed(instance) == [holder.run_id]
    free_slots(instance, holder.run_id)
    waiting.join(60)
    assert claimed(instance) == [waiter.run_id]
    assert len(said) == 1
    assert f"Waiting for run {holder.run_id} of job, which holds the pool training" in said[0]


def test_a_run_whose_process_is_gone_gives_its_slot_at_once(instance: dg.DagsterInstance) -> None:
    dead = holding(instance, started(instance, gone()))
    waiter = started(instance)
    wait_for_slots(instance, waiter, [POOL], pytest.fail)
    assert claimed(instance) == [waiter.run_id]
    ended = instance.get_run_by_id(dead.run_id)
    assert ended
    assert ended.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("end", ["finished", "deleted"])
def test_a_run_that_is_over_or_deleted_holds_no_slot(
    instance: dg.DagsterInstance, end: str
) -> None:
    over = holding(instance, started(instance))
    if end == "finished":
        instance.report_run_failed(over)
    else:
        instance.run_storage.delete_run(over.run_id)
    waiter = started(instance)
    wait_for_slots(instance, waiter, [POOL], pytest.fail)
    assert claimed(instance) == [waiter.run_id]


def test_a_run_that_died_while_it_waited_does_not_get_the_slot(
    instance: dg.DagsterInstance,
) -> None:
    holder, dead = holding(instance, started(instance)), started(instance, gone())
    instance.event_log_storage.claim_concurrency_slot(POOL, dead.run_id, "whole run")
    free_slots(instance, holder.run_id)  # Dagster gives it to the one that is next
    waiter = started(instance)
    wait_for_slots(instance, waiter, [POOL], pytest.fail)
    assert claimed(instance) == [waiter.run_id]


def test_pools_do_not_wait_for_each_other(instance: dg.DagsterInstance) -> None:
    holding(instance, started(instance))
    wait_for_slots(instance, started(instance), [OTHER], pytest.fail)


@dg.asset(pool=POOL)
def pooled(context: dg.AssetExecutionContext) -> None:
    held = list(holders(context.instance, [POOL]))
    assert [run.run_id for run in held] == [context.run.run_id]


@dg.asset(deps=[pooled])
def failing() -> None:
    raise ValueError


JOB = dg.Definitions(
    assets=[pooled, failing], executor=one_at_a_time_executor
).resolve_implicit_global_asset_job_def()


def assert_holds_its_slot_while_it_runs(instance: dg.DagsterInstance) -> None:
    result = execute_run(InMemoryJob(JOB), instance.create_run_for_job(JOB), instance)
    assert not result.success
    assert result.get_failed_step_keys() == {"failing"}
    assert claimed(instance) == []
    assert not instance.event_log_storage.get_concurrency_info(POOL).pending_steps


def test_a_run_holds_its_slot_while_it_runs_and_no_longer(instance: dg.DagsterInstance) -> None:
    assert_holds_its_slot_while_it_runs(instance)


def test_where_dagsters_steps_claim_slots_the_run_does_not_stand_in_their_way() -> None:
    with dg.instance_for_test(overrides={"concurrency": pools("op")}) as instance:
        assert_holds_its_slot_while_it_runs(instance)
        left = started(instance)
        instance.event_log_storage.claim_concurrency_slot(POOL, left.run_id, "pooled")
        said: list[str] = []
        wait_for_slots(instance, started(instance), [POOL], said.append)
        assert f"Waiting for run {left.run_id}" in said[0]
        instance.report_run_failed(left)  # as Ctrl-C leaves it, with its slot
        wait_for_slots(instance, started(instance), [POOL], pytest.fail)
        assert claimed(instance) == []


def test_a_pool_without_a_limit_is_not_waited_for() -> None:
    free = {"pools": {"granularity": "run"}}
    with dg.instance_for_test(overrides={"concurrency": free}) as instance:
        for _ in range(2):
            wait_for_slots(instance, started(instance), [POOL], pytest.fail)
