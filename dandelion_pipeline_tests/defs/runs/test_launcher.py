"""When a run whose code server is away or was started anew is given up."""

import pytest
from dagster._core.launcher.base import WorkerStatus

from dandelion_pipeline.defs.runs.launcher import LOOKS_AWAY, LOOKS_BACK, Seen, Watch

RUNS, BUSY, AWAY, ANEW = Seen.HAS_THE_RUN, Seen.BUSY, Seen.AWAY, Seen.WITHOUT_THE_RUN


@pytest.mark.parametrize(
    ("looks", "fails_at"),
    [
        ([RUNS, BUSY, RUNS, BUSY], None),
        ([RUNS, ANEW], 1),
        ([BUSY, ANEW], 1),
        ([RUNS, AWAY, RUNS, ANEW], 3),
        ([RUNS, AWAY] + [ANEW] * LOOKS_BACK, 1 + LOOKS_BACK),
        ([AWAY, ANEW, BUSY] + [ANEW] * LOOKS_BACK, 1 + LOOKS_BACK),
        ([AWAY, ANEW, AWAY] + [ANEW] * LOOKS_BACK, 2 + LOOKS_BACK),
        ([AWAY] * LOOKS_AWAY, LOOKS_AWAY - 1),
        ([AWAY] * (LOOKS_AWAY - 1) + [RUNS] + [AWAY] * (LOOKS_AWAY - 1), None),
    ],
)
def test_a_run_is_given_up_once_it_is_lost_and_can_be_run_again(
    looks: list[Seen], fails_at: int | None
) -> None:
    watch = Watch()
    verdicts = [watch.look(seen).status for seen in looks]
    failed = [at for at, status in enumerate(verdicts) if status is WorkerStatus.FAILED]
    assert failed[:1] == ([] if fails_at is None else [fails_at])
