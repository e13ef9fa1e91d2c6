"""Every service is restarted in turn, and all at once, while photos come in."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from signal import SIGKILL, SIGTERM, Signals

import pytest

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.stack.chain.conftest import DAG, Chain
from dandelion_pipeline_tests.stack.chain.dagster_api import ENDED, Run
from dandelion_pipeline_tests.stack.chain.incoming import (
    Asked,
    Days,
    photos_coming_in,
    somebody_asking,
)
from dandelion_pipeline_tests.stack.services import wait

TURNS: list[tuple[str, Signals | None]] = [
    ("airflow-api", SIGKILL),
    ("airflow-scheduler", SIGKILL),
    ("airflow-dag-processor", SIGTERM),
    ("postgres", SIGKILL),
    ("seaweedfs", SIGKILL),
    ("mlflow", SIGTERM),
    ("dagster-code", SIGKILL),
    ("dagster-daemon", SIGKILL),
    ("dagster-webserver", SIGTERM),
    ("api", SIGTERM),
    ("page", SIGKILL),
]
"""Each service once; SIGKILL takes its children with it, as when a container dies."""

FIRST = "2025-06-01"
DAY_EVERY_S = 6
TIMEOUT = 600


@pytest.fixture(scope="module")
def days(chain: Chain, training: str, asked: Asked) -> Days:
    """What came in while everything was restarted; it has all been taken in since."""
    with photos_coming_in(chain, FIRST, DAY_EVERY_S) as days:
        for name, how in TURNS:
            took = restart(chain, asked, {name: how})
            days.figures.append(f"{name} did its work again after {took:.0f} s")
        took = restart(chain, asked, dict.fromkeys(dict(TURNS), SIGKILL))
        days.figures.append(f"killed at once, all did their work again after {took:.0f} s")
    for dag_run_id in days.dag_runs.values():
        assert chain.stack.airflow.wait_for(DAG, dag_run_id)["state"] == "success", dag_run_id
    wait(lambda: chain.ingested() >= set(days.names), "the intake of all days", TIMEOUT)
    wait(lambda: all(run.status in ENDED for run in ingestions(chain)), "the runs", TIMEOUT)
    return days


@pytest.fixture(scope="module")
def asked(chain: Chain, training: str) -> Iterator[Asked]:
    with somebody_asking(chain.url("api"), chain.key) as asked:
        yield asked


def restart(chain: Chain, asked: Asked, how: Mapping[str, Signals | None]) -> float:
    """Restart services, and give the seconds until they did their work again."""
    begun = time.monotonic()
    chain.stack.services.restart(how)
    if "api" in how:
        answered = asked.answered + 1  # one may have been on its way
        wait(lambda: asked.answered > answered, "an answer by the API")
        asked.may_fail.append((begun, time.monotonic()))
    chain.stack.services.wait(*how)
    return time.monotonic() - begun


def ingestions(chain: Chain) -> list[Run]:
    return chain.dagster.runs("ingestion_job")


def test_every_service_is_restarted(chain: Chain) -> None:
    assert {name for name, _ in TURNS} == set(chain.stack.services.names)


def test_every_dropped_photo_has_landed_once(chain: Chain, days: Days) -> None:
    found = chain.stack.store.list_objects(layout.LANDING)
    landed = Counter(each.key.split("/", 2)[2] for each in found)
    dropped = list(chain.stack.drop_folder.glob("*/*"))
    assert {landed[f"{path.parent.name}/{path.name}"] for path in dropped} == {1}
    for day, names in days.names.items():
        keys = {each.key for each in chain.stack.store.list_objects(layout.landing_day(day))}
        labels = ("dandelion", "grass")
        assert keys == {layout.landing_photo(day, label, n) for label in labels for n in names}


def test_every_landed_photo_is_in_the_table_of_its_day_once(chain: Chain, days: Days) -> None:
    store = chain.stack.store
    for day in days.names:
        landed = sorted(each.key for each in store.list_objects(layout.landing_day(day)))
        rows = read_table(store, layout.table("raw_images", day)).to_pylist()
        assert sorted(row["key"] for row in rows) == landed
        assert {row["status"] for row in rows} == {"accepted"}


def test_every_day_was_taken_in_once_by_a_run_or_the_retry_of_a_killed_one(
    chain: Chain, days: Days
) -> None:
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in ingestions(chain):
        runs[run.day].append(run)
    for day in days.names:
        *failed, last = runs[day]
        assert [run.status for run in failed] == ["FAILURE"] * len(failed), runs[day]
        assert last.status == "SUCCESS", runs[day]
        assert [run.parent for run in runs[day][1:]] == [run.run_id for run in failed], runs[day]


def test_every_dag_run_is_recorded_once(chain: Chain, days: Days) -> None:
    with chain.stack.airflow.client() as client:
        identities = sorted(run.identity for run in client.finished_runs(DAG, None))
    wait(lambda: len(chain.dagster.recorded()) >= len(identities), "the materialisations")
    assert chain.dagster.recorded() == identities


def test_the_api_answered_all_the_time_but_while_it_was_down(
    chain: Chain, asked: Asked, days: Days, record_property: Callable[[str, object], None]
) -> None:
    retried = sum(run.status == "FAILURE" for run in ingestions(chain))
    gaps = ", ".join(f"{end - begin:.1f} s" for begin, end in asked.may_fail)
    for figure in (
        *days.figures,
        f"{len(days.names)} days came in, {retried} of them by the retry of a killed run",
        f"ended by themselves meanwhile: {dict(chain.stack.services.revived) or 'none'}",
        f"{asked.answered} answers by the API, {len(asked.failed)} failures; down for {gaps}",
    ):
        record_property("figure", figure)
    assert asked.answered
    assert asked.unexcused() == []
