"""Jobs, and when they run by themselves: daily ingestion, weekly training."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import dagster as dg

from dandelion_pipeline.configuration.history import configuration, gate_since
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.dataset.reviewed import preview_dataset
from dandelion_pipeline.defs.assets.dataset import clean_images, dataset
from dandelion_pipeline.defs.assets.embeddings import embeddings
from dandelion_pipeline.defs.assets.feedback import feedback
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.assets.release import published_model
from dandelion_pipeline.defs.assets.training import evaluation, trained_model
from dandelion_pipeline.defs.partitions import add_days, feedback_days, photo_days
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import DatasetError, SettingsError, TransientError
from dandelion_pipeline.gate.judged import Judged, judged
from dandelion_pipeline.ingest.feedback import waiting_feedback
from dandelion_pipeline.ingest.landing import is_ingested
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Model

ingestion_job = dg.define_asset_job(
    "ingestion_job",
    selection=[raw_images, clean_images, embeddings],
    description="Take in the photos that landed on one day, and embed them.",
)

feedback_job = dg.define_asset_job(
    "feedback_job",
    selection=[feedback],
    description="Gather what people said of the answers of one day.",
)

training_job = dg.define_asset_job(
    "training_job",
    selection=[dataset, trained_model, evaluation, published_model],
    description="Make a model of all clean photos, and publish it if it is good enough.",
)


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules, at the times that the settings say. All run unless somebody stops them.

    Raises:
        SettingsError: a time is no cron expression.
    """
    check_cron("DANDELION_INGEST_CRON", settings.ingest_cron)
    check_cron("DANDELION_TRAIN_CRON", settings.train_cron)

    daily_ingestion_schedule = _day_by_day(
        settings,
        "daily_ingestion_schedule",
        ingestion_job.name,
        photo_days,
        waiting_days,
        nothing="no day has new files",
        description="Takes in every day with new files, and every day that is not clean yet.",
    )
    daily_feedback_schedule = _day_by_day(
        settings,
        "daily_feedback_schedule",
        feedback_job.name,
        feedback_days,
        waiting_feedback,
        nothing="nobody said anything new",
        description="Gathers what people said of the answers of every day that has something new.",
    )

    @dg.schedule(
        job=training_job,
        cron_schedule=settings.train_cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Makes a model of all there is, and publishes it if it is good enough.",
    )
    def weekly_training_schedule(
        context: dg.ScheduleEvaluationContext, store: StoreResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        opened = store.open()
        try:
            found = _judged_before(opened, settings.split_salt)
        except (DatasetError, TransientError) as error:
            yield dg.SkipReason(str(error))
            return
        new = [model for model, before in found.items() if before is None]
        yield from weekly_requests(context.scheduled_execution_time, new)
        decided = "; ".join(str(before) for before in found.values() if before is not None)
        if not new:
            yield dg.SkipReason(f"nothing is new: {decided}")
        elif decided:
            context.log.info(decided)

    return [daily_ingestion_schedule, daily_feedback_schedule, weekly_training_schedule]


def _judged_before(store: Store, salt: str) -> dict[Model, Judged | None]:
    """What was decided of each model that the store's photos and configuration make now.

    Raises:
        DatasetError: the photos do not make a data set.
    """
    chosen, since = configuration(store), gate_since(store)
    data = preview_dataset(store, salt, chosen.dataset_limits)
    return {
        model: judged(store, data.hash, chosen.training_of(model), since) for model in chosen.models
    }


def _day_by_day(
    settings: Settings,
    name: str,
    job: str,
    kind: dg.DynamicPartitionsDefinition,
    waiting: Callable[[Store], list[str]],
    *,
    nothing: str,
    description: str,
) -> dg.ScheduleDefinition:
    """At the time of ingestion, a run for each day that waits; else a skip that says why."""

    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=settings.ingest_cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, store: StoreResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        try:
            days = waiting(store.open())
        except TransientError as error:
            yield dg.SkipReason(str(error))
            return
        requests = daily_requests(context.scheduled_execution_time, days)
        add_days(context.instance, kind, days_of(requests))
        yield from requests if requests else [dg.SkipReason(nothing)]

    return schedule


def daily_requests(tick: datetime, waiting: Sequence[str]) -> list[dg.RunRequest]:
    """A run for each day that waits and that is looked at; one key for each tick and day."""
    return [
        dg.RunRequest(run_key=f"daily:{tick.isoformat()}:{day}", partition_key=day)
        for day in waiting
        if is_ingested(day)
    ]


def days_of(requests: Sequence[dg.RunRequest]) -> list[str]:
    """The days that runs are asked for."""
    return [request.partition_key for request in requests if request.partition_key]


def weekly_requests(tick: datetime, models: Sequence[Model]) -> list[dg.RunRequest]:
    """A run for each model; everything else of a run is as the store's configuration says.

    They are queued in that order; the pool of trainings lets one after the other train.
    """
    return [
        dg.RunRequest(
            run_key=f"weekly:{tick.isoformat()}:{model}",
            run_config={"ops": {"trained_model": {"config": {"model": model.name}}}},
            tags={"model": model.value},
        )
        for model in models
    ]


def check_cron(name: str, cron: str) -> None:
    """Refuse what is no time.

    Raises:
        SettingsError: it is no cron expression.
    """
    try:
        dg.ScheduleDefinition(job=training_job, cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        raise SettingsError(
            f"setting {name}",
            f"{cron!r} is no cron expression",
            "Write five fields, such as 0 6 * * * for every day at 6",
        ) from None
