from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.automation.jobs import daily_requests, schedules, weekly_requests
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.feedback import FEEDBACK, gather
from dandelion_pipeline.ingest.landing import today
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline.training.config import ModelChoice
from dandelion_pipeline_tests.data.tiny_models import GREEN, photo
from dandelion_pipeline_tests.ingest.given_feedback import say
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, ingest, ingest_and_clean

TICK = datetime(2025, 5, 2, 6, tzinfo=UTC)
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("waiting", "asked"),
    [
        ([], []),
        ([DAY], [DAY]),
        ([DAY, NEXT], [DAY, NEXT]),
        (["2024-12-31", DAY], [DAY]),  # before the first partition
        ([today(), TOMORROW], [today()]),  # no partition yet
    ],
)
def test_a_day_is_asked_for_if_it_waits_and_is_looked_at(
    waiting: list[str], asked: list[str]
) -> None:
    requests = daily_requests(TICK, waiting)
    assert [request.partition_key for request in requests] == asked
    assert len({request.run_key for request in requests}) == len(asked)
    later = daily_requests(TICK + timedelta(days=1), waiting)
    assert {r.run_key for r in requests}.isdisjoint({r.run_key for r in later})
    assert requests == daily_requests(TICK, waiting)


def test_a_model_is_asked_for_once_at_each_time() -> None:
    models = ModelChoice.BOTH.models
    requests = weekly_requests(TICK, models)
    assert requests == weekly_requests(TICK, models)
    later = weekly_requests(TICK + timedelta(days=7), models)
    assert len({request.run_key for request in (*requests, *later)}) == 4


def test_the_head_is_trained_before_its_challenger_and_dagster_takes_their_configuration() -> None:
    requests = weekly_requests(TICK, ModelChoice.BOTH.models)
    configs = [request.run_config["ops"]["trained_model"]["config"] for request in requests]
    assert configs == [{"model": "TRANSFER"}, {"model": "RESNET18"}]
    job = defs.resolve_job_def("training_job")
    for request in requests:
        assert dg.validate_run_config(job, request.run_config)


@pytest.mark.parametrize("model", ["transfer", "resnet18"])
def test_one_kind_of_model_is_trained_where_the_configuration_says_so(model: str) -> None:
    (request,) = weekly_requests(TICK, ModelChoice(model).models)
    assert request.tags == {"model": model}
    assert all(type(value) is str for value in request.tags.values())  # Dagster writes it down


def schedule(name: str, **settings: str) -> dg.ScheduleDefinition:
    found = {s.name: s for s in schedules(Settings.model_validate(settings))}
    return found[name]


def test_times_and_zone_are_those_of_the_settings_and_both_run() -> None:
    given = {"ingest_cron": "30 1 * * *", "train_cron": "0 4 * * 0", "timezone": "Europe/Berlin"}
    daily = schedule("daily_ingestion_schedule", **given)
    weekly = schedule("weekly_training_schedule", **given)
    assert (daily.cron_schedule, weekly.cron_schedule) == ("30 1 * * *", "0 4 * * 0")
    for each in (daily, weekly):
        assert each.execution_timezone == "Europe/Berlin"
        assert each.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize("name", ["ingest_cron", "train_cron"])
@pytest.mark.parametrize("cron", ["", "daily", "61 * * * *", "* * *"])
def test_a_time_that_makes_no_sense_names_the_setting(name: str, cron: str) -> None:
    with pytest.raises(SettingsError, match=f"DANDELION_{name.upper()}.*no cron expression"):
        schedules(Settings.model_validate({name: cron}))


def test_a_zone_that_does_not_exist_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANDELION_TIMEZONE", "Europe/Atlantis")
    with pytest.raises(SettingsError, match=r"DANDELION_TIMEZONE.*Europe/Berlin"):
        load_settings()


def evaluated(
    instance: dg.DagsterInstance, name: str, resource: StoreResource
) -> tuple[list[dg.RunRequest], str]:
    """What a schedule asks for, and why it does not."""
    with dg.build_schedule_context(
        instance=instance,
        resources={"store": resource},
        scheduled_execution_time=TICK,
        repository_def=defs.get_repository_def(),
    ) as context:
        tick = schedule(name).evaluate_tick(context)
        return list(tick.run_requests or []), tick.skip_message or ""


def test_the_daily_schedule_asks_for_the_days_of_the_store(
    store: Store, instance: dg.DagsterInstance
) -> None:
    resource = StoreResource(url=store.url)
    assert evaluated(instance, "daily_ingestion_schedule", resource) == ([], "no day has new files")
    store.put(layout.landing_photo(DAY, "grass", "1.jpg"), photo(GREEN))
    (request,), _ = evaluated(instance, "daily_ingestion_schedule", resource)
    assert request.partition_key == DAY
    ingest(store)
    (request,), _ = evaluated(instance, "daily_ingestion_schedule", resource)
    assert request.partition_key == DAY  # its clean table is not there yet
    ingest_and_clean(store)
    assert evaluated(instance, "daily_ingestion_schedule", resource) == ([], "no day has new files")


def test_days_of_which_people_said_something_new_are_gathered(
    store: Store, instance: dg.DagsterInstance
) -> None:
    resource = StoreResource(url=store.url)
    assert evaluated(instance, "daily_feedback_schedule", resource) == (
        [],
        "nobody said anything new",
    )
    say(store, DAY, "grass")
    (request,), _ = evaluated(instance, "daily_feedback_schedule", resource)
    assert request.partition_key == DAY
    write_table(store, layout.table(FEEDBACK, DAY), gather(store, DAY, None))
    assert evaluated(instance, "daily_feedback_schedule", resource) == (
        [],
        "nobody said anything new",
    )


def test_without_photos_there_is_nothing_to_train_on(
    store: Store, instance: dg.DagsterInstance
) -> None:
    requests, why = evaluated(instance, "weekly_training_schedule", StoreResource(url=store.url))
    assert requests == []
    assert "there are no photos" in why


def test_a_store_that_is_away_is_a_skip_with_the_reason(instance: dg.DagsterInstance) -> None:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    away = StoreResource.model_validate(
        {"url": "s3://bucket", "endpoint_url": "http://127.0.0.1:9", "max_attempts": 1, **keys}
    )
    for name in ("daily_ingestion_schedule", "daily_feedback_schedule", "weekly_training_schedule"):
        assert "AWS_ENDPOINT_URL" in evaluated(instance, name, away)[1]
