"""Trying again, by tenacity. obstore's own retries are off: they pass over too much.

object_store retries a dropped connection only where it takes the request for idempotent, which
create-if-absent is not to it; neither does it retry a listing that breaks off, nor an upload that
was garbled on its way. All of our calls may be repeated, so all of them are.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception_type,
    stop_before_delay,
    wait_exponential_jitter,
)
from tenacity.stop import stop_base

from dandelion_pipeline.errors import ObjectDamaged, StoreUnavailable

MAX_ATTEMPTS = 5

P = ParamSpec("P")
R = TypeVar("R")


class _AsOftenAsTheStoreSays(stop_base):
    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether the store, the first argument of the method, wants no more tries."""
        return bool(retry_state.attempt_number >= retry_state.args[0].max_attempts)


def persistent(method: Callable[P, R]) -> Callable[P, R]:
    """A method of a store that tries again while it may help: ``max_attempts`` times in all.

    No try starts later than 8 seconds after the first, so that an endpoint which does not
    answer (`location` says for how long that is awaited) is given up within 15.
    """
    return retry(
        retry=retry_if_exception_type((StoreUnavailable, ObjectDamaged)),
        stop=_AsOftenAsTheStoreSays() | stop_before_delay(8),
        wait=wait_exponential_jitter(multiplier=0.05, max=2, jitter=0.1),
        reraise=True,
    )(method)
