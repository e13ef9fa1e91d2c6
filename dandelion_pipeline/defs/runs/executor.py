"""Dagster's in-process executor, in a slot of each pool that the run's steps name."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.init import InitExecutorContext
from dagster._utils.interrupts import check_captured_interrupt

from dandelion_pipeline.defs.runs.processes import process_of
from dandelion_pipeline.defs.runs.slots import free_slots, wait_for_slots

STOPPED = "Stopped by Ctrl-C or a signal."

STOPPED_AT_ITS_END = "dandelion/stopped_at_its_end"
"""A run that succeeded although somebody stopped it: its last step was over. No other follows."""


class OneAtATimeExecutor(InProcessExecutor):
    """One step after the other, once the run has its slots."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Wait for the slots, execute the steps, and give the slots back."""
        instance, run = plan_context.instance, plan_context.dagster_run
        steps = (execution_plan.get_step_by_key(key) for key in execution_plan.step_keys_to_execute)
        pools = {step.pool for step in steps if step.pool}
        try:
            if pools:
                with raise_execution_interrupts():
                    wait_for_slots(instance, run, pools, plan_context.log.info)
            yield from super().execute(plan_context, execution_plan)
            if check_captured_interrupt():  # Dagster would forget it now: no step is left to stop
                instance.add_run_tags(run.run_id, {STOPPED_AT_ITS_END: "true"})
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            if process_of(run) is not None:  # else Dagster runs it again, as after a restart
                instance.report_run_canceling(run, STOPPED)
            raise
        finally:
            if pools:
                free_slots(instance, run.run_id)


@dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
def one_at_a_time_executor(context: InitExecutorContext) -> OneAtATimeExecutor:
    """A process for each step gains nothing here."""
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None  # noqa: S101  Dagster's own
    plain = create(context)
    assert isinstance(plain, InProcessExecutor)  # noqa: S101
    return OneAtATimeExecutor(plain.retries, plain.step_dependency_config)
