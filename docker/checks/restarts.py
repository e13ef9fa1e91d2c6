"""Every service is restarted, then all at once, while photos come in and the API is asked."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from checks.clients import Airflow, Api, Dagster
from checks.compose import (
    ask_inside,
    containers,
    drop_generated,
    read_env,
    run,
    wait_until_healthy,
)
from checks.steps import Failed, say, step, wait

DAY_EVERY_S = 30
"""A day of photos comes in this often."""

TIMEOUT_S = 1800
"""Airflow takes up to 10 minutes to see that a task was lost with its worker."""

# What each day's landing folder holds, and what the tables say of it.
_LOOK = """\
import json, sys
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.tables import read_table
store = open_store(load_settings().store)
found = {}
for day in sys.argv[1:]:
    landed = [entry.key for entry in store.list_objects(layout.landing_day(day))]
    rows = read_table(store, layout.table("raw_images", day)).to_pylist()
    found[day] = {"landed": landed, "rows": [[row["key"], row["status"]] for row in rows]}
print(json.dumps(found))
"""


def check() -> None:
    """Restart everything under load, and see that nothing was lost or done twice."""
    env = read_env()
    airflow, dagster = Airflow(env), Dagster(env)
    names = sorted(containers())
    days = _Days(airflow, env)
    with _Asked(Api(env)) as asked, days.coming_in():
        for name in names:
            step(f"{name} is restarted", lambda name=name: _restart(asked, [name]))  # type: ignore[misc]
        step("all are killed at once and start", lambda: _restart(asked, names, kill=True))
    started = days.started
    step(f"all {len(started)} DAG runs succeed", lambda: _succeed(airflow, started))
    step("Dagster sees each once", lambda: _seen_once(dagster, started))
    step("each day is taken in once a key", lambda: _taken_in(dagster, sorted(started.values())))
    step("no photo is lost or there twice", lambda: _each_photo_once(started))
    step("the API answered all the time", asked.judge)


class _Days:
    """Photos that come in through Airflow, a past day at a time."""

    def __init__(self, airflow: Airflow, env: dict[str, str]) -> None:
        self.started: dict[str, str] = {}
        """The day of each DAG run."""

        self._airflow = airflow
        self._env = env
        self._stop = threading.Event()
        self._first = datetime.now(UTC) - timedelta(days=400)
        known = set(airflow.states())
        self._number = sum(run_id.startswith("restarts-") for run_id in known)

    @contextmanager
    def coming_in(self) -> Iterator[None]:
        """Let days come in meanwhile, in a thread."""
        drop_generated(self._env, each=400, seed=int(time.time()))
        feeding = threading.Thread(target=self._feed)
        feeding.start()
        try:
            yield
        finally:
            self._stop.set()
            feeding.join()

    def _feed(self) -> None:
        while not self._stop.is_set():
            day = f"{self._first + timedelta(days=self._number):%Y-%m-%d}"
            run_id = f"restarts-{day}"
            try:
                self._airflow.start_run(day, run_id)
            except (OSError, http.client.HTTPException):  # it is being restarted: try again
                self._stop.wait(2)
                continue
            self.started[run_id] = day
            self._number += 1
            self._stop.wait(DAY_EVERY_S)


class _Asked:
    """The API is asked all the time, in a thread."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = threading.Event()
        self._asking = threading.Thread(target=self._ask)
        self._down = False
        self._answered = 0
        self._unexpected: list[str] = []
        self._gaps: list[float] = []

    def __enter__(self) -> "_Asked":
        self._asking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._asking.join()

    @contextmanager
    def may_be_down(self) -> Iterator[None]:
        """Meanwhile the API itself is restarted; it ends when it answers again."""
        self._down = True
        begun = time.monotonic()
        yield
        before = self._answered
        wait("the API to answer", lambda: True if self._answered > before else None)
        self._gaps.append(time.monotonic() - begun)
        self._down = False

    def judge(self) -> None:
        """See that there was no failure while it should have answered."""
        gaps = ", ".join(f"{gap:.0f} s" for gap in self._gaps)
        say(f"        {self._answered} answers; away at its own restarts: {gaps}")
        if self._unexpected:
            raise Failed(f"{len(self._unexpected)} failed, the first: {self._unexpected[0]}")

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self._api.predict()
                self._answered += 1
            except (OSError, http.client.HTTPException) as error:
                if not self._down:
                    self._unexpected.append(f"{datetime.now(UTC):%H:%M:%S} {error!r}")
            self._stop.wait(0.1)


def _restart(asked: _Asked, names: list[str], *, kill: bool = False) -> None:
    ids = containers()
    how = ["--time", "0"] if kill else []
    if "api" in names:
        with asked.may_be_down():
            _docker_restart(how, [ids[name] for name in names])
    else:
        _docker_restart(how, [ids[name] for name in names])
    wait_until_healthy()


def _docker_restart(how: list[str], ids: list[str]) -> None:
    """Restart them side by side: the command alone takes one after the other."""
    jobs = [
        threading.Thread(target=run, args=(["docker", "restart", *how, found],)) for found in ids
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()


def _succeed(airflow: Airflow, started: dict[str, str]) -> None:
    def all_ended() -> bool | None:
        states = airflow.states()
        failed = [run_id for run_id in started if states.get(run_id) == "failed"]
        if failed:
            raise Failed(f"failed: {', '.join(failed)}")
        return all(states.get(run_id) == "success" for run_id in started) or None

    wait("the DAG runs", all_ended, TIMEOUT_S)


def _seen_once(dagster: Dagster, started: dict[str, str]) -> None:
    dagster.see(list(started))
    entries = [
        entry
        for event in dagster.catalogue()["data_ingestion"]
        for entry in event["metadataEntries"]
        if entry["label"] == "airflow_run"
    ]
    times = Counter(entry["text"].rpartition("@")[0] for entry in entries)
    wrong = {run_id: times[run_id] for run_id in started if times[run_id] != 1}
    if wrong:
        raise Failed(f"recorded another number of times than once: {wrong}")


def _taken_in(dagster: Dagster, days: list[str]) -> None:
    dagster.take_in(days)

    def quiet() -> list[dict[str, Any]] | None:
        runs = [run for run in dagster.runs() if run["jobName"] == "ingestion_job"]
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        return runs if all(run["status"] in ended for run in runs) else None

    runs = wait("the last ingestion runs", quiet, TIMEOUT_S)
    keys = _keys(runs)
    good = Counter(keys[run["runId"]] for run in runs if run["status"] == "SUCCESS")
    wrong = {key: good[key] for key in keys.values() if good[key] != 1}
    if wrong:
        raise Failed(f"these keys had another number of good runs than one: {wrong}")
    lost = [run for run in runs if run["status"] != "SUCCESS"]
    say(f"        {len(lost)} runs were lost with their service and started again")


def _keys(runs: list[dict[str, Any]]) -> dict[str, str]:
    """What each run was asked for, by its id: a retry, and what is asked again, for the same."""
    keys: dict[str, str] = {}
    for each in reversed(runs):  # the oldest first
        key = str(each["tags"].get("dagster/run_key", each["runId"]))
        keys[each["runId"]] = keys.get(key.removeprefix("lost:"), key)
    return keys


def _each_photo_once(started: dict[str, str]) -> None:
    found = ask_inside(_LOOK, *started.values())
    photos = 0
    for day, there in found.items():
        landed, rows = there["landed"], there["rows"]
        if sorted(landed) != sorted(key for key, _ in rows):
            raise Failed(f"{day}: {len(landed)} landed, and the table has {len(rows)} others")
        if {status for _, status in rows} != {"accepted"}:
            raise Failed(f"{day}: {Counter(status for _, status in rows)}")
        photos += len(rows)
    names = Counter(key.split("/", 2)[2] for there in found.values() for key in there["landed"])
    if max(names.values()) > 1:
        raise Failed(f"landed on two days: {names.most_common(3)}")
    say(f"        {photos} photos of {len(found)} days, each once")
