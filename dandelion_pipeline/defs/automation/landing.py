"""The landing sensor: it takes a day in once its upload rests."""

from collections.abc import Set
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from pydantic import BaseModel, ValidationError

from dandelion_pipeline.dataset.cleaning.look import Look, look
from dandelion_pipeline.defs.automation.jobs import days_of, feedback_job, ingestion_job
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import TransientError
from dandelion_pipeline.ingest.landing import is_ingested
from dandelion_pipeline.settings import Settings

EVERY_S = 30
PATIENCE = timedelta(hours=1)
"""A day whose upload never rests is taken in after this time all the same."""

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class Watched(BaseModel):
    """A day that is to be taken in once it rests."""

    state: str
    """Why it waited at the last look: `Waiting.fingerprint`."""

    since: datetime


class Cursor(BaseModel):
    """What the sensor remembers from one look to the next."""

    after: str = ""
    """The day up to which the old days have come up in turn."""

    watched: dict[str, Watched] = {}
    asked: dict[str, str] = {}
    """For which days runs were asked for, and why these waited."""

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """What was remembered; nothing if that was written by another release."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


def decide(
    before: Cursor, looked: Look, running: Set[str], threshold: int, now: datetime
) -> tuple[list[dg.RunRequest], Cursor]:
    """Which days are taken in now, and what to remember.

    A day is taken in if it has more than ``threshold`` new files or no clean table of its raw
    table, if it is as it was at the last look (or has changed for `PATIENCE`), and if no run of
    it is queued or under way. The key names the very files and table, so that for the same ones
    a run is asked for once, however it ends.

    Args:
        before: what was remembered of the last look.
        looked: what the look found.
        running: the days of runs that are queued or under way.
        threshold: so many new files may lie there until the daily ingestion.
        now: the time of the look.
    """
    requests: list[dg.RunRequest] = []
    rested = looked.days.difference(looked.waiting)
    after = Cursor(
        after=looked.last,
        asked={day: state for day, state in before.asked.items() if day not in rested},
    )
    for day, waiting in looked.waiting.items():
        enough = len(waiting.files) > threshold or waiting.uncleaned
        state = waiting.fingerprint
        if not enough or not is_ingested(day) or day in running or after.asked.get(day) == state:
            continue
        last = before.watched.get(day, Watched(state="", since=now))
        if last.state == state or now - last.since >= PATIENCE:
            key = f"landing:{day}:{state}"
            requests.append(dg.RunRequest(run_key=key, partition_key=day))
            after.asked[day] = state
        else:
            after.watched[day] = Watched(state=state, since=last.since)
    return requests, after


def landing_sensor_of(settings: Settings) -> dg.SensorDefinition:
    """The sensor, with the threshold of the settings."""
    threshold = settings.landing_threshold

    @dg.sensor(
        name="landing_sensor",
        job=ingestion_job,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Takes in a day once over {threshold} new files lie there and no more come.",
    )
    def landing_sensor(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        before, now = Cursor.parse(context.cursor), datetime.now(UTC)
        recent = (f"{now:%Y-%m-%d}", f"{now - timedelta(days=1):%Y-%m-%d}")
        running = running_days(context.instance)
        ended = before.asked.keys() - running  # a file may have come while their run was under way
        closely = [*before.watched, *ended, *recent]
        try:
            looked = look(store.open(), closely, before.after)
        except TransientError as error:
            return dg.SkipReason(str(error))
        for damaged in looked.damaged:
            context.log.error(str(damaged))
        requests, after = decide(before, looked, running, threshold, now)
        add_days(context.instance, photo_days, days_of(requests))
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _why_not(looked, after, threshold),
            cursor=after.model_dump_json(),
        )

    return landing_sensor


def running_days(instance: dg.DagsterInstance) -> set[str]:
    """The days of photos of which a run is queued or under way."""
    days: set[str] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if run.job_name == feedback_job.name:
            continue
        first = run.tags.get("dagster/asset_partition_range_start")
        last = run.tags.get("dagster/asset_partition_range_end")
        if first and last:
            days.update(_days_between(first, last))
        elif "dagster/partition" in run.tags:
            days.add(run.tags["dagster/partition"])
    return days


def _days_between(first: str, last: str) -> list[str]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [str(begin + timedelta(days=number)) for number in range((end - begin).days + 1)]


def _why_not(looked: Look, after: Cursor, threshold: int) -> dg.SkipReason:
    number = sum(len(waiting.files) for waiting in looked.waiting.values())
    if after.watched:
        days = ", ".join(after.watched)
        return dg.SkipReason(f"{number} new files; {days}: waiting until no more come")
    return dg.SkipReason(
        f"{number} new files; a day is taken in above {threshold} or at the daily time"
    )
