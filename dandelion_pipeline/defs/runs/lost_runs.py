"""Runs that Dagster wanted to run again and could not.

Dagster tries that once, soon after a run has failed. If no code server is there at that moment, as
when everything is started anew, it gives up ("Failed to retry run"). The sensor in here runs in a
code server, so when it looks there is one, and the run is asked for again.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from dandelion_pipeline.defs.automation.jobs import days_of, ingestion_job, training_job
from dandelion_pipeline.defs.partitions import add_days, photo_days

GIVEN_UP = "Failed to retry run"  # what Dagster's daemon notes on the run
WITHIN = timedelta(days=1)
MOST = 5
"""So often one run is asked for again, at the most."""

TIMES = "dandelion/asked_again"
_WILL_RETRY = "dagster/will_retry"
_PARTITION = "dagster/partition"
_MOST_LOOKED_AT = 200


def again_requests(lost: Sequence[dg.DagsterRun]) -> list[dg.RunRequest]:
    """A run for each that was lost, for the same day and with the same configuration.

    The key is the lost run, so it is asked for once, however often the sensor looks.
    """
    return [
        dg.RunRequest(
            run_key=f"lost:{run.run_id}",
            job_name=run.job_name,
            run_config=run.run_config,
            partition_key=run.tags.get(_PARTITION),
            tags={TIMES: str(_times(run) + 1)},
        )
        for run in lost
        if _times(run) < MOST
    ]


def lost_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs of the last day that Dagster gave up."""
    failed = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.now(UTC) - WITHIN
    )
    runs = instance.get_runs(failed, limit=_MOST_LOOKED_AT)
    return [run for run in runs if _is_given_up(instance, run)]


@dg.sensor(
    jobs=[ingestion_job, training_job],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks again for runs that Dagster could not run again by itself.",
)
def lost_runs_sensor(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Look for lost runs."""
    requests = again_requests(lost_runs(context.instance))
    of_photos = [request for request in requests if request.job_name == ingestion_job.name]
    add_days(context.instance, photo_days, days_of(of_photos))
    yield from requests if requests else [dg.SkipReason("no run was lost")]


def _times(run: dg.DagsterRun) -> int:
    return int(run.tags.get(TIMES, "0"))


def _is_given_up(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.tags.get(_WILL_RETRY) != "false":
        return False
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return any(entry.get_dagster_event().message == GIVEN_UP for entry in entries)
