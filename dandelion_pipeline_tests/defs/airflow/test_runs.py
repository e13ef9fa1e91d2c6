from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.defs.airflow.client import FAILED, SUCCESS, DagRun, TaskInstance
from dandelion_pipeline.defs.airflow.runs import IDENTITY, OVERLAP, Cursor, EndedRun, report

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = "2026-01-05"
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
NOBODY: frozenset[str] = frozenset()


def run(name: str, state: str = SUCCESS, end: datetime = NOON, **more: object) -> DagRun:
    given = {
        "dag_id": "data_ingestion",
        "dag_run_id": name,
        "state": state,
        "run_type": "scheduled",
        "logical_date": NOON,
        "run_after": NOON,
        "start_date": end - timedelta(seconds=3),
        "end_date": end,
    }
    return DagRun.model_validate({**given, **more})


def ended(
    name: str, state: str = SUCCESS, end: datetime = NOON, day: str | None = None, **more: object
) -> EndedRun:
    done = {"day": day, "uploaded": {"a": 2, "b": 1}, "present": {"a": 0}, "waiting": {"a": 5}}
    results = {"scan_images": {"a": 7, "b": 1}, "upload_to_minio": done} if day else {}
    return EndedRun(run(name, state, end, **more), f"http://airflow/{name}", (), results)


def kinds(events: list[dg.AssetMaterialization | dg.AssetObservation]) -> list[str]:
    return [type(event).__name__[5:] for event in events]


@pytest.mark.parametrize(
    ("state", "day", "known", "recorded", "events", "requested"),
    [
        # a run    for    in the cursor, in the event log   what is recorded    what is started
        (SUCCESS, DAY, False, False, ["Materialization"], [DAY]),
        (SUCCESS, DAY, False, True, [], [DAY]),  # stopped after the event: the key guards the run
        (SUCCESS, DAY, True, False, [], []),
        (SUCCESS, DAY, True, True, [], []),
        (FAILED, DAY, False, False, ["Observation"], []),
        (FAILED, DAY, False, True, [], []),
        (FAILED, DAY, True, False, [], []),
        (SUCCESS, TOMORROW, False, False, ["Materialization"], []),
        (SUCCESS, "2024-12-31", False, False, ["Materialization"], []),
    ],
)
def test_what_is_done_about_a_run_that_has_ended(
    state: str, day: str, known: bool, recorded: bool, events: list[str], requested: list[str]
) -> None:
    each = ended("r", state, day=day)
    cursor = Cursor(ended=NOON, seen=frozenset({each.run.identity} if known else ()))
    done = report(cursor, [each], {each.run.identity} if recorded else set())
    assert kinds(done.events) == events
    assert [request.partition_key for request in done.requests] == requested
    assert each.run.identity in done.cursor.seen


def test_nothing_new_leaves_the_cursor_as_it_is() -> None:
    cursor = Cursor(ended=NOON, seen=frozenset({"x@2026-01-05T12:00:00+00:00"}))
    assert report(cursor, [], NOBODY).cursor == cursor


def test_a_run_that_was_cleared_is_recorded_and_started_when_it_ends_again() -> None:
    first = report(Cursor(), [ended("r", FAILED, day=DAY)], NOBODY)
    again = report(first.cursor, [ended("r", end=NOON + timedelta(hours=1), day=DAY)], NOBODY)
    assert kinds(again.events) == ["Materialization"]
    assert [request.partition_key for request in again.requests] == [DAY]


def test_runs_have_keys_of_their_own_also_for_the_same_day() -> None:
    done = report(Cursor(), [ended("a", day=DAY), ended("b", day=DAY)], NOBODY)
    assert len({request.run_key for request in done.requests}) == 2


@pytest.mark.parametrize(
    ("conf", "logical_date", "result", "day"),
    [
        (None, NOON, None, "2026-01-05"),
        (None, None, None, "2026-01-09"),  # no logical date: when it was due
        ({"day": "2026-01-02"}, NOON, None, "2026-01-02"),
        ({"day": "2026-01-02"}, NOON, "2026-01-03", "2026-01-03"),  # what it says it did
        ({"day": None}, NOON, None, "2026-01-05"),
        (None, datetime.fromisoformat("2026-01-06T01:00:00+02:00"), None, "2026-01-05"),
    ],
)
def test_the_day_of_a_run(
    conf: object, logical_date: datetime | None, result: str | None, day: str
) -> None:
    due = datetime(2026, 1, 9, 5, tzinfo=UTC)
    assert ended("r", day=result, conf=conf, logical_date=logical_date, run_after=due).day == day


def test_an_event_says_what_happened() -> None:
    each = ended("r", day=DAY)
    tasks = (TaskInstance(task_id="upload_to_minio", state=SUCCESS, try_number=1),)
    (event,) = report(Cursor(), [EndedRun(each.run, each.link, tasks, each.results)], NOBODY).events
    said = {name: value.value for name, value in event.metadata.items()}
    assert event.partition == DAY
    assert said[IDENTITY] == "r@2026-01-05T12:00:00+00:00"
    assert (said["state"], said["duration_s"], said["day"]) == ("success", 3.0, DAY)
    assert said["link"] == "http://airflow/r"
    assert said["tasks"] == {"upload_to_minio": "success"}
    assert (said["in_drop_folder"], said["uploaded"], said["waiting"]) == (8, 3, 5)
    assert said["by_class"] == {
        "in_drop_folder": {"a": 7, "b": 1},
        "uploaded": {"a": 2, "b": 1},
        "present": {"a": 0},
        "waiting": {"a": 5},
    }


def test_a_run_that_never_began_has_an_event_too() -> None:
    each = ended("r", FAILED, start_date=None, logical_date=None)
    (event,) = report(Cursor(), [each], NOBODY).events
    assert event.metadata["duration_s"].value == 0.0


def test_a_cursor_survives_being_written_and_read() -> None:
    cursor = report(Cursor(), [ended("a"), ended("b")], NOBODY).cursor
    assert Cursor.parse(cursor.model_dump_json()) == cursor


@pytest.mark.parametrize("text", [None, "", "2026-01-05", '{"ended": 1e99}', '{"seen": 1}'])
def test_a_cursor_that_says_nothing_starts_anew(text: str | None) -> None:
    assert Cursor.parse(text) == Cursor()


def test_a_cursor_forgets_what_ended_long_before() -> None:
    cursor = Cursor()
    for minute in range(100):
        each = ended(f"r{minute}", end=NOON + timedelta(minutes=minute))
        cursor = report(cursor, [each], NOBODY).cursor
    assert len(cursor.seen) == OVERLAP / timedelta(minutes=1) + 1


_ends = st.lists(st.integers(0, 30), max_size=12)  # seconds: ties are usual
_crashes = st.lists(st.booleans(), min_size=12, max_size=12)


@given(ends=_ends, batch=st.integers(1, 4), crashes=_crashes, late=st.integers(0, 30))
def test_every_run_is_recorded_once_whatever_comes_late_and_whenever_it_crashes(
    ends: list[int], batch: int, crashes: list[bool], late: int
) -> None:
    everything = [ended(f"r{n}", end=NOON + timedelta(seconds=s)) for n, s in enumerate(ends)]
    cursor, recorded, keys = Cursor(), list[str](), list[str]()
    for tick in range(40):
        visible = [e for n, e in enumerate(everything) if n % 2 or tick >= late]
        visible.sort(key=lambda e: e.run.end_date)
        since = cursor.since
        asked = [e.run for e in visible if since is None or e.run.end_date >= since]
        new = {r.identity for r in list(cursor.unseen(asked))[:batch]}
        done = report(cursor, [e for e in visible if e.run.identity in new], set(recorded))
        recorded += [str(event.metadata[IDENTITY].value) for event in done.events]
        if tick < len(crashes) and crashes[tick]:
            continue  # stopped once the events were stored, and before anything else was
        keys += [str(request.run_key) for request in done.requests]
        cursor = Cursor.parse(done.cursor.model_dump_json())
    identities = sorted(e.run.identity for e in everything)
    assert sorted(recorded) == identities
    assert sorted(keys) == [f"airflow:{identity}" for identity in identities]
