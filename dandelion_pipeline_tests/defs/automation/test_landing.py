from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dandelion_pipeline.dataset.cleaning import look as looking
from dandelion_pipeline.dataset.cleaning.look import Look, look
from dandelion_pipeline.dataset.cleaning.waiting import Waiting
from dandelion_pipeline.defs.automation.landing import (
    PATIENCE,
    Cursor,
    decide,
    landing_sensor_of,
    running_days,
)
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.ingest.intake import RAW_IMAGES, stopped
from dandelion_pipeline.ingest.landing import today
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.defs import sensor_looks
from dandelion_pipeline_tests.ingest.two_photos import (
    DAY,
    NEXT,
    ingest,
    ingest_and_clean,
    raw_table,
)

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(seconds=30)
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
THRESHOLD = 3


def files(day: str, number: int, modified: datetime = NOON) -> list[StoredObject]:
    return [
        StoredObject(layout.landing_photo(day, "grass", f"{n}.jpg"), 100, modified)
        for n in range(number)
    ]


def found(waiting: dict[str, int], rested: tuple[str, ...] = ()) -> Look:
    """A look that found so many new files."""
    days = {day: Waiting(files(day, number)) for day, number in waiting.items() if number}
    return Look(frozenset({*waiting, *rested}), days, "")


class Ticks:
    """The sensor's decisions, one tick after the other."""

    def __init__(self) -> None:
        self.cursor = Cursor()
        self.now = NOON

    def tick(self, looked: Look, running: frozenset[str] = frozenset()) -> list[str]:
        self.now += TICK
        cursor = Cursor.parse(self.cursor.model_dump_json())
        requests, self.cursor = decide(cursor, looked, running, THRESHOLD, self.now)
        return [request.run_key or "" for request in requests]


@pytest.mark.parametrize(
    ("waiting", "asked"),
    [
        ({}, []),
        ({DAY: 3}, []),
        ({DAY: 4}, [DAY]),
        ({DAY: 30, NEXT: 2}, [DAY]),
        ({DAY: 4, NEXT: 4}, [DAY, NEXT]),
        ({"2024-12-31": 9, TOMORROW: 9, today(): 9}, [today()]),
    ],
)
def test_a_day_is_asked_for_once_enough_new_files_lie_there(
    waiting: dict[str, int], asked: list[str]
) -> None:
    ticks = Ticks()
    assert ticks.tick(found(waiting)) == []
    assert [key.split(":")[1] for key in ticks.tick(found(waiting))] == asked
    assert ticks.tick(found(waiting)) == []


def test_while_an_upload_grows_for_twenty_ticks_one_run_is_asked_for() -> None:
    ticks = Ticks()
    asked = [key for number in range(5, 25) for key in ticks.tick(found({DAY: number}))]
    assert asked == []
    assert len(ticks.tick(found({DAY: 24}))) == 1
    running = frozenset({DAY})
    assert [ticks.tick(found({DAY: number}), running) for number in (24, 30, 30)] == [[], [], []]
    assert ticks.tick(found({DAY: 0})) == []
    assert ticks.cursor == Cursor()


def test_an_upload_that_never_rests_is_taken_in_once_an_hour() -> None:
    ticks = Ticks()
    hours = 3
    numbers = range(5, 5 + int(hours * PATIENCE / TICK) + hours + 1)
    asked = [key for number in numbers for key in ticks.tick(found({DAY: number}))]
    assert len(set(asked)) == len(asked) == hours


def test_the_same_files_are_asked_for_once_however_their_run_ends_and_others_again() -> None:
    ticks = Ticks()
    keys = [key for _ in range(5) for key in ticks.tick(found({DAY: 4}))]
    assert len(keys) == 1
    more = [key for _ in range(5) for key in ticks.tick(found({DAY: 5}))]
    assert len(more) == 1
    assert more != keys
    state = Waiting(files(DAY, 4, NOON + TICK)).fingerprint
    assert state != Waiting(files(DAY, 4)).fingerprint == Waiting(files(DAY, 4)[::-1]).fingerprint


def test_a_day_without_a_clean_table_is_taken_in_whatever_the_threshold() -> None:
    ticks = Ticks()
    looked = Look(frozenset({DAY}), {DAY: Waiting((), "columns:1")}, "")
    assert ticks.tick(looked, frozenset({DAY})) == []  # `make run` is between its two tables
    assert ticks.tick(looked) == []
    assert len(ticks.tick(looked)) == 1
    assert ticks.tick(looked) == []  # its run failed; the daily schedule tries again


def test_what_another_release_remembered_is_forgotten() -> None:
    assert Cursor.parse(None) == Cursor.parse('{"watched": 1}') == Cursor()


@pytest.fixture
def without_runs() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_days_are_running_while_their_ingestion_is_queued_or_under_way(
    without_runs: dg.DagsterInstance,
) -> None:
    def add(status: dg.DagsterRunStatus, tags: dict[str, str], job: str = "ingestion_job") -> None:
        without_runs.add_run(dg.DagsterRun(job_name=job, status=status, tags=tags))

    days = {"dagster/asset_partition_range_start": "2025-02-27"}
    days["dagster/asset_partition_range_end"] = "2025-03-01"
    add(dg.DagsterRunStatus.NOT_STARTED, {"dagster/partition": "2025-01-01"})
    add(dg.DagsterRunStatus.STARTED, {"dagster/partition": "2025-01-02"})
    add(dg.DagsterRunStatus.FAILURE, {"dagster/partition": "2025-01-03"})
    add(dg.DagsterRunStatus.STARTED, {"dagster/partition": "2025-01-04"}, "feedback_job")
    add(dg.DagsterRunStatus.STARTED, {}, "training_job")
    assert running_days(without_runs) == {"2025-01-01", "2025-01-02"}
    add(dg.DagsterRunStatus.STARTED, days)
    assert running_days(without_runs) >= {"2025-02-27", "2025-02-28", "2025-03-01"}


def looked(
    instance: dg.DagsterInstance, store: StoreResource, threshold: int, ticks: int = 2
) -> tuple[list[dg.RunRequest], str]:
    """What the landing sensor asks for at its last tick, and why it does not."""
    landing = landing_sensor_of(Settings(landing_threshold=threshold))
    cursor = None
    for _ in range(ticks):
        tick = sensor_looks.look(landing, instance, store=store, cursor=cursor)
        cursor = tick.cursor
    return list(tick.run_requests or []), tick.skip_message or ""


def test_the_landing_sensor_looks_into_the_store(
    store: Store, instance: dg.DagsterInstance
) -> None:
    resource = StoreResource(url=store.url)
    assert "0 new files" in looked(instance, resource, 1)[1]
    for number in range(2):
        store.put(layout.landing_photo(DAY, "grass", f"{number}.jpg"), photo((number, 99, 9)))
    assert "2 new files; a day is taken in above 2" in looked(instance, resource, 2)[1]
    assert f"{DAY}: waiting until no more come" in looked(instance, resource, 1, ticks=1)[1]
    (request,), _ = looked(instance, resource, 1)
    assert request.partition_key == DAY
    ingest(store)
    (request,), _ = looked(instance, resource, 1)  # there is no clean table yet
    assert request.partition_key == DAY
    ingest_and_clean(store)
    assert looked(instance, resource, 0)[0] == []


def test_a_refused_day_is_not_asked_for(store: Store, instance: dg.DagsterInstance) -> None:
    store.put(layout.landing_photo(DAY, "grass", "1.jpg"), b"no photo")
    ingest(store)
    refused = stopped(raw_table(store), "too many are no photos")
    write_table(store, layout.table(RAW_IMAGES, DAY), refused)
    assert looked(instance, StoreResource(url=store.url), 0, ticks=3)[0] == []


def test_a_damaged_table_keeps_no_other_day_waiting(
    store: Store, instance: dg.DagsterInstance
) -> None:
    for day in (DAY, NEXT):
        store.put(layout.landing_photo(day, "grass", "1.jpg"), photo())
    store.put(layout.table(RAW_IMAGES, DAY), b"damaged")
    (request,), _ = looked(instance, StoreResource(url=store.url), 0)
    assert request.partition_key == NEXT
    (damaged,) = look(store, []).damaged
    assert layout.table(RAW_IMAGES, DAY) in str(damaged)


def test_a_store_that_is_away_is_a_skip_with_the_reason(instance: dg.DagsterInstance) -> None:
    given = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    away = StoreResource.model_validate(
        {"url": "s3://bucket", "endpoint_url": "http://127.0.0.1:9", "max_attempts": 1, **given}
    )
    requests, why = looked(instance, away, 0, ticks=1)
    assert requests == []
    assert "AWS_ENDPOINT_URL" in why


DAYS = [f"2025-03-0{number}" for number in range(1, 7)]


def test_old_days_come_up_in_turn_and_where_something_is_likely_is_looked_at_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_AT_ONCE", 1)
    for day in DAYS:
        store.put(layout.landing_photo(day, "grass", "1.jpg"), photo())
        ingest_and_clean(store, day)
    after, seen = "", list[str]()
    for _ in range(3):
        turn = look(store, [], after, files=2)
        after, seen = turn.last, [*seen, *sorted(turn.days)]
    assert seen == DAYS
    monkeypatch.setattr(looking, "DAYS", 3)
    assert look(store, [], files=99).days == set(DAYS[:3])
    assert look(store, [], after, files=2).days == set(DAYS[:2])

    store.put(layout.landing_photo(DAYS[3], "grass", "late.jpg"), photo())
    assert look(store, [], "", files=2).waiting == {}
    assert list(look(store, [], DAYS[2], files=2).waiting) == [DAYS[3]]
    assert list(look(store, [DAYS[3]], "", files=2).waiting) == [DAYS[3]]

    for day in (DAY, NEXT):
        store.put(layout.landing_photo(day, "grass", "1.jpg"), photo())
    ingest(store, NEXT)  # and its run ended here
    turn = look(store, [], "", files=1)
    assert list(turn.waiting) == [DAY, NEXT]
    assert turn.last == DAYS[0]
