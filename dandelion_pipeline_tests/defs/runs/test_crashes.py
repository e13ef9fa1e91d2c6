"""Dagster's daemon is killed at every step of asking for a run: each key starts one run."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._grpc.client import DagsterGrpcClient

from dandelion_pipeline.cli.pipeline import prepare_dagster_home
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.defs.runs.lost_runs import GIVEN_UP
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.defs.automation.daemon_ticks import STEPS, Daemon, daemon
from dandelion_pipeline_tests.defs.conftest import use_home
from dandelion_pipeline_tests.servers.processes import free_port, stop
from dandelion_pipeline_tests.serving.conftest import wait_until

NEXT = "2025-05-02"


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for an instance whose store has a clean day, and a day that waits."""
    home: Path = tmp_path_factory.mktemp("crashes")
    with pytest.MonkeyPatch.context() as patch:
        use_home(patch, home)
        patch.setenv("DANDELION_LANDING_THRESHOLD", "5")
        fill()
        prepare_dagster_home(load_settings())
        port = free_port()
        with code_server(port), daemon({}, port) as killable:
            yield killable


def fill() -> None:
    store = open_store(load_settings().store)
    for day, seed in ((DAY, 1), (NEXT, 2)):
        sample = SampleSpec(per_class=15, size=(64, 48), seed=seed)
        import_photos(store, open_source("sample", sample=sample), day)
    raw = take_in(store, DAY, None).table
    write_table(store, layout.table("raw_images", DAY), raw)
    write_table(store, layout.table("clean_images", DAY), clean(store, raw))


@contextmanager
def code_server(port: int) -> Iterator[None]:
    server = [sys.executable, "-W", "ignore", "-m", "dagster", "api", "grpc"]
    where = ["--host", "127.0.0.1", "--port", str(port), "-m", "dandelion_pipeline.definitions"]
    process = subprocess.Popen([*server, *where], stdout=subprocess.DEVNULL)
    try:
        client = DagsterGrpcClient(port=port, host="127.0.0.1")
        wait_until(
            lambda: client.health_check_query() == "SERVING",  # type: ignore[no-untyped-call]
            timeout=60,
        )
        yield
    finally:
        stop(process)


def runs() -> dict[str, tuple[str, ...]]:
    """The runs of the instance, and what each is for: a schedule's tick, the day, the model."""
    names = ("dagster/scheduled_execution_time", "dagster/partition", "model")
    with dg.DagsterInstance.get() as instance:
        return {
            run.run_id: tuple(run.tags.get(name, "") for name in names)
            for run in instance.get_runs()
        }


def land_a_day(day: str) -> None:
    """More files than the sensor's threshold."""
    store = open_store(load_settings().store)
    for number in range(6):
        store.put(layout.landing_photo(day, "grass", f"{number}.jpg"), f"{day} {number}".encode())


def lose_a_run() -> None:
    """Leave a run behind that Dagster gave up."""
    tags = {"dagster/partition": NEXT, "dagster/will_retry": "false"}
    with dg.DagsterInstance.get() as instance:
        lost = dg.DagsterRun(
            job_name="ingestion_job", status=dg.DagsterRunStatus.FAILURE, tags=tags
        )
        instance.add_run(lost)
        instance.report_engine_event(GIVEN_UP, lost)


KINDS = {
    "landing_sensor": "sensor",
    "lost_runs_sensor": "sensor",
    "daily_ingestion_schedule": "schedule",
    "weekly_training_schedule": "schedule",
}
_days = iter(range(1, 1_000))


@pytest.mark.stack
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", KINDS)
def test_a_daemon_killed_at_any_step_starts_one_run_a_key(
    killable: Daemon, name: str, step: str
) -> None:
    kind = KINDS[name]
    if name == "lost_runs_sensor":
        lose_a_run()
        at = None
    elif kind == "sensor":
        land_a_day(f"2025-05-{10 + STEPS.index(step)}")
        assert killable.look(kind, name) == 0  # it watches the day from now on
        at = None
    else:
        assert killable.look(kind, name, at=datetime.now(UTC)) == 0  # it runs from now on
        at = datetime.now(UTC) + timedelta(days=8 * next(_days))
    before = runs()
    assert killable.look(kind, name, die_at=step, at=at) == -signal.SIGKILL
    assert killable.look(kind, name, at=at) == 0
    asked = {run: purpose for run, purpose in runs().items() if run not in before}
    assert asked
    assert set(Counter(asked.values()).values()) == {1}
    assert killable.look(kind, name, at=at) == 0
    assert len(runs()) == len(before) + len(asked)
