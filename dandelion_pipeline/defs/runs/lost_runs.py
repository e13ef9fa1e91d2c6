"""Runs that Dagster wanted to run again and could not.

Dagster tries that once, soon after a run has failed. If no code server is there at that moment, as
when everything is started anew, it gives up ("Failed to retry run"). The sensor in here runs in a
code server, so when it looks there is one, and the run is asked for again.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from dandelion_pipeline.defs.automation.jobs import (
    days_of,
    feedback_job,
    ingestion_job,
    training_job,
)
from dandelion_pipeline.defs.partitions import add_days, feedback_days, photo_days
from dandelion_pipeline.ingest.landing import is_ingested

GIVEN_UP = "Failed to retry run"  # what Dagster's daemon notes on the run
WITHIN = timedelta(days=1)
MOST = 5
"""So often one run is asked for again, at the most."""

TIMES = "dandelion/asked_again"
_WILL_RETRY = "dagster/will_retry"
_PARTITION = "dagster/partition"
_MOST_LOOKED_AT = 200
_JOBS = [ingestion_job, feedback_job, training_job]


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
            asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
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


def why_not_again(run: dg.DagsterRun, context: dg.SensorEvaluationContext) -> str | None:
    """Why a run cannot be asked for here; None if it can.

    One request that Dagster refuses would fail the whole tick, and every tick after it.
    """
    origin, here = run.remote_job_origin, context.code_location_origin
    location = origin.repository_origin.code_location_origin.location_name if origin else None
    if here and location not in (None, here.location_name):
        return f"it belongs to the code location {location}"
    if run.job_name not in {job.name for job in _JOBS}:
        return f"the sensor does not know the job {run.job_name}: start it by hand"
    assert context.repository_def is not None  # noqa: S101  Dagster's daemon gives it always
    return _misfit(run, context.repository_def.get_job(run.job_name))


def _misfit(run: dg.DagsterRun, job: dg.JobDefinition) -> str | None:
    if run.op_selection:
        return "it was of some steps of its job alone: start it by hand"
    if run.asset_selection and not run.asset_selection <= job.asset_layer.selected_asset_keys:
        return "it was of assets that its job has no more"
    day = run.tags.get(_PARTITION)
    if (job.partitions_def is None) is not (day is None) or (day and not is_ingested(day)):
        return f"its job has no partition {day}"
    try:
        dg.validate_run_config(job, run.run_config)
    except dg.DagsterInvalidConfigError:
        return "its configuration is not one of this version"
    return None


@dg.sensor(
    jobs=_JOBS,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks again for runs that Dagster could not run again by itself.",
)
def lost_runs_sensor(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Look for lost runs. What is not asked for again is logged, and stops no other."""
    known, left = [], []
    for run in lost_runs(context.instance):
        why = why_not_again(run, context)
        if why is None:
            known.append(run)
        else:
            left.append(f"run {run.run_id} of {run.job_name} is lost and left alone: {why}")
            context.log.warning(left[-1])
    requests = again_requests(known)
    for job, kind in ((ingestion_job, photo_days), (feedback_job, feedback_days)):
        mine = [request for request in requests if request.job_name == job.name]
        add_days(context.instance, kind, days_of(mine))
    yield from requests if requests else [dg.SkipReason("; ".join(left) or "no run was lost")]


def _times(run: dg.DagsterRun) -> int:
    said = run.tags.get(TIMES, "0")
    return int(said) if said.isdecimal() else MOST


def _is_given_up(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.tags.get(_WILL_RETRY) != "false":
        return False
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return any(entry.get_dagster_event().message == GIVEN_UP for entry in entries)
