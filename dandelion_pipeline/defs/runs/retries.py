"""Which failures of a step are worth another try: those that can heal, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dandelion_pipeline.errors import TransientError

MAX_RETRIES = 3
FIRST_PAUSE_S = 10

Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.InputContext | dg.OutputContext


@contextmanager
def transient_errors_retried(context: Context) -> Iterator[None]:
    """Ask Dagster to run the step again if the body ends by a `TransientError`.

    It waits 10, 20 and 40 seconds. Whatever else is raised is permanent or a bug, and fails the
    step at once. The store itself has tried for some seconds already.
    """
    try:
        yield
    except TransientError as error:
        if isinstance(context, dg.AssetExecutionContext | dg.OpExecutionContext):
            attempts = context.retry_number
        else:
            attempts = context.step_context.previous_attempt_count
        pause = FIRST_PAUSE_S * 2**attempts
        if attempts < MAX_RETRIES:
            context.log.warning(f"{error} Trying again in {pause} s.")
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=pause) from error
