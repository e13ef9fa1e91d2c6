"""The legacy DAG in the real Airflow 3, and what our sensor makes of its runs."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import httpx
import pytest

from dandelion_pipeline.defs.airflow import assets as followed
from dandelion_pipeline.defs.airflow.assets import airflow_sensor
from dandelion_pipeline.defs.airflow.client import FAILED, SUCCESS, Airflow
from dandelion_pipeline.defs.airflow.runs import IDENTITY
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.drop_folder import upload
from dandelion_pipeline.storage import layout
from dandelion_pipeline_tests.defs.sensor_looks import look
from dandelion_pipeline_tests.stack.conftest import SHARE, Stack
from dandelion_pipeline_tests.stack.following import defs

DAG = "data_ingestion"
ASSET = dg.AssetKey(DAG)
FULL = {"dandelion": SHARE, "grass": SHARE}
NOTHING = {"dandelion": 0, "grass": 0}


def run_day(stack: Stack, day: str) -> dict[str, object]:
    """Run the DAG for a day, and give what the upload says it did."""
    ended = stack.airflow.run(DAG, {"logical_date": None, "conf": {"day": day}})
    assert ended["state"] == SUCCESS
    return said_of_upload(stack, ended["dag_run_id"])


def said_of_upload(stack: Stack, dag_run_id: str) -> dict[str, object]:
    with stack.airflow.client() as client:
        (run,) = [r for r in client.finished_runs(DAG, None) if r.dag_run_id == dag_run_id]
        said = client.result(run, "upload_to_minio")
    assert isinstance(said, dict)
    return said


def landed(stack: Stack, day: str) -> Counter[str]:
    keys = [o.key for o in stack.store.list_objects(layout.landing_day(day))]
    return Counter(key.split("/")[2] for key in keys)


@pytest.fixture(scope="module", autouse=True)
def photos(stack: Stack) -> None:
    stack.await_schedule()
    stack.drop("airflow", SHARE * 12)  # for more days than are run here


@pytest.fixture
def missing_drop_folder(stack: Stack) -> Iterator[Path]:
    away = stack.drop_folder.with_name("away")
    stack.drop_folder.rename(away)
    yield stack.drop_folder
    away.rename(stack.drop_folder)


class Daemon:
    """Ticks of the sensor, whose events are stored as Dagster's daemon does it."""

    def __init__(self, stack: Stack, instance: dg.DagsterInstance) -> None:
        self.sensor = airflow_sensor(stack.airflow.settings)
        self.instance = instance
        self.cursor: str | None = None

    def tick(self, *, stopped_early: bool = False) -> list[dg.RunRequest]:
        done = look(self.sensor, self.instance, cursor=self.cursor, definitions=defs)
        for event in done.asset_events:
            self.instance.report_runless_asset_event(event)
        if stopped_early:
            return []
        self.cursor = done.cursor
        return list(done.run_requests or [])

    def drain(self) -> list[dg.RunRequest]:
        asked: list[dg.RunRequest] = []
        while True:
            before = self.cursor
            asked += self.tick()
            if self.cursor == before:
                return asked

    def recorded(self) -> list[dict[str, object]]:
        """The metadata of all events, the newest first."""
        materialized = self.instance.fetch_materializations(ASSET, limit=100).records
        observed = self.instance.fetch_observations(ASSET, limit=100).records
        records = sorted([*materialized, *observed], key=lambda r: -r.storage_id)
        events = [record.asset_materialization or record.asset_observation for record in records]
        return [{k: v.value for k, v in event.metadata.items()} for event in events if event]


@pytest.fixture
def daemon(stack: Stack) -> Iterator[Daemon]:
    with dg.instance_for_test() as instance:
        yield Daemon(stack, instance)


def test_airflow_reads_the_dag_without_errors(stack: Stack) -> None:
    assert stack.airflow.ask("GET", "importErrors")["import_errors"] == []
    tasks = stack.airflow.ask("GET", f"dags/{DAG}/tasks")["tasks"]
    downstream = {task["task_id"]: task["downstream_task_ids"] for task in tasks}
    assert downstream == {"scan_images": ["upload_to_minio"], "upload_to_minio": []}


def test_the_schedule_runs_by_itself(stack: Stack) -> None:
    with stack.airflow.client() as client:
        first = next(client.finished_runs(DAG, None))
    assert first.run_type == "scheduled"
    assert landed(stack, f"{first.logical_date:%Y-%m-%d}") == FULL


def test_a_run_uploads_the_days_share_and_a_repeated_one_nothing(stack: Stack) -> None:
    day = "2026-02-01"
    assert run_day(stack, day)["uploaded"] == FULL
    assert landed(stack, day) == FULL
    again = run_day(stack, day)
    assert (again["uploaded"], again["present"]) == (NOTHING, FULL)
    assert landed(stack, day) == FULL


def test_a_past_day_is_run_by_its_logical_date(stack: Stack) -> None:
    ended = stack.airflow.run(DAG, {"logical_date": "2026-02-03T00:00:00Z"})
    assert said_of_upload(stack, ended["dag_run_id"])["day"] == "2026-02-03"
    assert landed(stack, "2026-02-03") == FULL


def test_no_photo_lands_on_two_days(stack: Stack) -> None:
    for day in ("2026-02-05", "2026-02-06"):
        run_day(stack, day)
    names = Counter(o.key.split("/", 2)[2] for o in stack.store.list_objects(layout.LANDING))
    assert set(names.values()) == {1}


def test_an_upload_that_stopped_in_the_middle_is_completed(stack: Stack) -> None:
    day = "2026-02-07"
    upload(stack.store, stack.drop_folder, day, each=1)
    assert run_day(stack, day)["uploaded"] == {"dandelion": SHARE - 1, "grass": SHARE - 1}
    assert landed(stack, day) == FULL


def test_a_day_that_is_none_is_refused_by_airflow(stack: Stack) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        stack.airflow.run(DAG, {"logical_date": None, "conf": {"day": "soon"}})


def test_a_success_is_recorded_with_its_counts_and_a_link_and_starts_its_day(
    stack: Stack, daemon: Daemon
) -> None:
    daemon.drain()
    run_day(stack, "2026-02-09")
    (request,) = daemon.drain()
    newest = daemon.recorded()[0]
    assert request.partition_key == "2026-02-09"
    assert request.run_key == f"airflow:{newest[IDENTITY]}"
    assert (newest["state"], newest["uploaded"]) == (SUCCESS, 2 * SHARE)
    assert newest["in_drop_folder"] == stack.dropped()
    assert newest["tasks"] == {"scan_images": SUCCESS, "upload_to_minio": SUCCESS}
    assert isinstance(newest["duration_s"], float)
    page = httpx.get(str(newest["link"]), trust_env=False)
    assert page.is_success
    assert "<html" in page.text
    assert daemon.instance.get_materialized_partitions(ASSET) >= {"2026-02-09"}


def test_every_run_is_recorded_and_requested_exactly_once_over_restarts(
    stack: Stack, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "BATCH", 1)
    keys = []
    for number in range(12):
        daemon.tick(stopped_early=True)  # killed after events were stored
        keys += [request.run_key for request in daemon.tick()]
        daemon.sensor = airflow_sensor(stack.airflow.settings)  # another process
        if number == 5:
            run_day(stack, "2026-02-11")
    keys += [request.run_key for request in daemon.drain()]
    daemon.cursor = None  # somebody reset it
    daemon.drain()
    with stack.airflow.client() as client:
        runs = list(client.finished_runs(DAG, None))
    identities = sorted(run.identity for run in runs)
    assert sorted(str(each[IDENTITY]) for each in daemon.recorded()) == identities
    succeeded = sorted(run.identity for run in runs if run.state == SUCCESS)
    assert sorted(map(str, keys)) == [f"airflow:{identity}" for identity in succeeded]


def test_a_missing_drop_folder_fails_at_once_and_is_recorded_as_failed(
    stack: Stack, daemon: Daemon, missing_drop_folder: Path
) -> None:
    daemon.drain()
    ended = stack.airflow.run(DAG, {"logical_date": None, "conf": {"day": "2026-02-13"}})
    assert ended["state"] == FAILED
    assert daemon.drain() == []
    newest = daemon.recorded()[0]
    assert (newest["state"], newest["day"]) == (FAILED, "2026-02-13")
    assert newest["tasks"] == {"scan_images": FAILED, "upload_to_minio": "upstream_failed"}
    with stack.airflow.client() as client:
        run = list(client.finished_runs(DAG, None))[-1]
        tries = {task.task_id: task.try_number for task in client.tasks(run)}
    assert tries["scan_images"] == 1
    assert landed(stack, "2026-02-13") == {}


def test_a_run_that_was_cleared_is_followed_to_its_new_end(stack: Stack, daemon: Daemon) -> None:
    daemon.drain()
    stack.drop_folder.rename(stack.drop_folder.with_name("away"))
    try:
        failed = stack.airflow.run(DAG, {"logical_date": None, "conf": {"day": "2026-02-15"}})
        assert daemon.drain() == []
    finally:
        stack.drop_folder.with_name("away").rename(stack.drop_folder)
    run_id = failed["dag_run_id"]
    path = f"dags/{DAG}/dagRuns/{quote(run_id, safe='')}"
    stack.airflow.ask("POST", f"{path}/clear", {"dry_run": False})
    stack.airflow.wait_for(DAG, run_id)
    assert [request.partition_key for request in daemon.drain()] == ["2026-02-15"]
    assert daemon.recorded()[0]["state"] == SUCCESS


def test_runs_come_in_the_order_of_their_ends_over_pages(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        run_day(stack, "2026-02-01")
    with stack.airflow.client() as client:
        whole = list(client.finished_runs(DAG, None))
        monkeypatch.setattr("dandelion_pipeline.defs.airflow.client.PAGE", 2)
        assert list(client.finished_runs(DAG, None)) == whole
        later = list(client.finished_runs(DAG, whole[1].end_date))
    assert [run.end_date for run in whole] == sorted(run.end_date for run in whole)
    assert later == whole[1:]


def test_a_wrong_password_names_the_settings(stack: Stack) -> None:
    with (
        Airflow(stack.airflow.url, "dagster", "wrong") as client,
        pytest.raises(SettingsError, match="DANDELION_AIRFLOW_PASSWORD"),
    ):
        list(client.finished_runs(DAG, None))


def test_a_token_that_airflow_refuses_is_replaced(stack: Stack) -> None:
    with stack.airflow.client() as client:
        client._token = "expired"  # noqa: S105
        assert list(client.finished_runs(DAG, None))
