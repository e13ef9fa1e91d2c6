from collections.abc import Callable

import dagster as dg
import pytest

from dandelion_pipeline.cli.pipeline import _ours_within
from dandelion_pipeline.defs.runs.retries import MAX_RETRIES, transient_errors_retried
from dandelion_pipeline.errors import DatasetError, StoreUnavailable

AWAY = StoreUnavailable("could not read s3://bucket/key", "it was away", "Try again later")
WRONG = DatasetError("the photos", "there are none", "Bring some in")


class Failing:
    """A job of two steps, one of which fails so and so often: in its asset or its IO manager."""

    def __init__(self, where: str, error: Exception, times: int) -> None:
        self.where, self.error, self.times = where, error, times
        self.attempts = 0

    def here(self, where: str) -> None:
        if where == self.where:
            self.attempts += 1
            if self.attempts <= self.times:
                raise self.error

    def run(self, *, raise_on_error: bool = False) -> dg.ExecuteInProcessResult:
        fail = self.here

        class Manager(dg.IOManager):
            def handle_output(self, context: dg.OutputContext, obj: object) -> None:
                with transient_errors_retried(context):
                    fail("handle_output")

            def load_input(self, context: dg.InputContext) -> int:
                with transient_errors_retried(context):
                    fail("load_input")
                return 1

        @dg.asset
        def first(context: dg.AssetExecutionContext) -> int:
            with transient_errors_retried(context):
                fail("asset")
            return 1

        @dg.asset
        def second(first: int) -> int:
            return first

        return dg.materialize(
            [first, second], resources={"io_manager": Manager()}, raise_on_error=raise_on_error
        )


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that Dagster would have waited."""
    waited: list[float] = []
    execution = "dagster._core.execution.plan.active.ActiveExecution"
    mark: Callable[..., None] = __import__(
        "dagster._core.execution.plan.active", fromlist=["ActiveExecution"]
    ).ActiveExecution.mark_up_for_retry

    def at_once(self: object, step_key: str, at_time: float | None = None) -> None:
        waited.append(at_time or 0)
        mark(self, step_key, None)

    monkeypatch.setattr(f"{execution}.mark_up_for_retry", at_once)
    return waited


WHERE = ["asset", "load_input", "handle_output"]


@pytest.mark.parametrize("where", WHERE)
def test_what_can_heal_is_tried_again_and_heals(where: str, pauses: list[float]) -> None:
    failing = Failing(where, AWAY, times=2)
    assert failing.run().success
    assert len(pauses) == 2


@pytest.mark.parametrize("where", WHERE)
def test_what_does_not_heal_fails_after_some_tries_as_the_error_that_it_was(where: str) -> None:
    failing = Failing(where, AWAY, times=100)
    with pytest.raises(dg.DagsterError) as caught:
        failing.run(raise_on_error=True)
    assert failing.attempts == MAX_RETRIES + 1
    assert _ours_within(caught.value) is AWAY


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("error", [WRONG, ZeroDivisionError("a bug")])
def test_what_is_permanent_or_a_bug_fails_at_once(where: str, error: Exception) -> None:
    failing = Failing(where, error, times=100)
    assert not failing.run().success
    assert failing.attempts == 1


def test_the_pauses_grow(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    Failing("asset", AWAY, times=100).run()
    assert pauses == [10, 20, 40]
