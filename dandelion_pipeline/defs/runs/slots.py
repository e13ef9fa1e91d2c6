"""A run's slots in the pools that its steps name, for as long as it runs.

With ``granularity: run`` Dagster's queue counts the runs that are under way, and the steps claim
nothing: a run that is started outside the queue (`dandelion run`, `dandelion images accept`,
`dagster job execute`) would begin beside any other. So each run claims its slots itself, in
Dagster's own tables, before its first step: see `executor`.
"""

import time
from collections.abc import Callable, Collection, Iterator

import dagster as dg
from dagster._core.instance.config import PoolGranularity

from dandelion_pipeline.defs.runs.processes import end_dead_runs

LOOK_EVERY_S = 1.0

_CLAIM = "whole run"  # in the place of a step's name
_PRIORITY = "dagster/priority"


def wait_for_slots(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    pools: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Claim a slot of each pool, asleep until there is one.

    With granularity ``op`` Dagster's steps claim them, and wait: then it is only said for whom, and
    what ended runs have left is freed.

    Args:
        instance: where the pools are.
        run: who claims them.
        pools: their names; all runs take them in the same order, so no two wait for each other.
        say: told once of each run that is waited for.
    """
    config = instance.get_concurrency_config().pool_config
    if config.pool_granularity is not PoolGranularity.RUN:
        for pool in sorted(pools):
            for other in holders(instance, [pool]):
                say(waiting_for(other, pool))
        return
    priority = run.tags.get(_PRIORITY, "0")
    for pool in sorted(pools):
        said: set[str] = set()
        while not _claim(instance, run.run_id, pool, int(priority) if _is_int(priority) else 0):
            for other in holders(instance, [pool]):
                if other.run_id not in {run.run_id, *said}:
                    say(waiting_for(other, pool))
                    said.add(other.run_id)
            time.sleep(LOOK_EVERY_S)


def waiting_for(other: dg.DagsterRun, pool: str) -> str:
    """One line for people."""
    return (
        f"Waiting for run {other.run_id} of {other.job_name}, which holds the pool {pool}. If its "
        "process is gone, terminate it in Dagster: `make up`, Runs, Terminate."
    )


def free_slots(instance: dg.DagsterInstance, run_id: str) -> None:
    """Give back what a run has claimed, or waits for."""
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def holders(instance: dg.DagsterInstance, pools: Collection[str]) -> Iterator[dg.DagsterRun]:
    """The runs that hold slots of pools, or are next; those that are over lose theirs."""
    end_dead_runs(instance)
    for pool in pools:
        info = instance.event_log_storage.get_concurrency_info(pool)
        waiting = [step.run_id for step in info.pending_steps if step.assigned_timestamp is None]
        next_ones = [step.run_id for step in info.pending_steps if step.assigned_timestamp]
        claimed = [slot.run_id for slot in info.claimed_slots]
        for run_id in dict.fromkeys([*claimed, *next_ones, *waiting]):
            holder = instance.get_run_by_id(run_id)
            if holder is None or holder.is_finished:
                free_slots(instance, run_id)
            elif run_id not in waiting:
                yield holder


def _claim(instance: dg.DagsterInstance, run_id: str, pool: str, priority: int) -> bool:
    storage = instance.event_log_storage
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    limits = {one.name: one for one in storage.get_pool_limits()}
    limit = limits.get(pool)
    if default is not None and (limit is None or (limit.from_default and limit.limit != default)):
        storage.initialize_concurrency_limit_to_default(pool)
    elif limit is None:  # nobody has limited it
        return True
    claim = storage.claim_concurrency_slot(pool, run_id, _CLAIM, priority)
    return bool(claim.is_claimed)


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
