"""`dandelion run` is killed between any two steps: the next one goes on, and nothing is lost.

Of each round, the command dies at every boundary in turn, and then runs to its end. Alone, one
round hits each boundary with one of the signals; ``DANDELION_KILL_ROUNDS=10`` hits each boundary
ten times with each of them. ``-s`` shows how soon the next command began to work.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.e2e.conftest import clean_env
from dandelion_pipeline_tests.e2e.killed.forked_commands import (
    KILL_AFTER_IT_IS_KNOWN,
    KILL_BEFORE_IT_IS_KNOWN,
    Commands,
    Ended,
    Kill,
    forked_commands,
)

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

INGESTION = ("raw_images", "clean_images", "embeddings")
TRAINING = ("dataset", "trained_model", "evaluation", "published_model")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
MOMENTS = (KILL_AFTER_IT_IS_KNOWN, KILL_BEFORE_IT_IS_KNOWN)
INTERRUPTED = 130
PER_CLASS = 30
MORE = 1
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Place:
    """A home, and photos that come in."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.photos = folder / "photos"
        self.store = open_store((folder / "home" / "store").as_uri())
        self.tracking = f"sqlite:///{folder / 'home' / 'mlflow.db'}"
        self.commands = commands

        self.number = 0
        """Photos there are."""

    def add_photos(self) -> None:
        per_class = MORE if self.number else PER_CLASS
        sample = SampleSpec(per_class=per_class, size=(64, 48), seed=self.number)
        for photo in open_source("sample", sample=sample):
            file = self.photos / photo.label / f"{self.number}-{photo.name}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(photo.data)
        self.number += 2 * per_class

    def run(self, kill: Kill | None = None) -> Ended:
        arguments = ("--images", str(self.photos), "--preset", "sample")
        return self.commands.dandelion("run", *arguments, kill=kill)

    def rows(self, asset: str) -> list[dict[str, str]]:
        found = self.store.list_objects(f"tables/{asset}/")
        return [row for o in found for row in read_table(self.store, o.key).to_pylist()]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    environment = {**clean_env(home), "DAGSTER_HOME": str(home / "dagster")}
    with pytest.MonkeyPatch.context() as patch, forked_commands(tmp_path, environment) as commands:
        patch.setenv("DAGSTER_HOME", environment["DAGSTER_HOME"])
        yield Place(tmp_path, commands)


def rounds() -> int:
    return int(os.environ.get("DANDELION_KILL_ROUNDS", "0")) * len(SIGNALS) or 1


def kills(number: int) -> list[Kill]:
    """One at each boundary; after four rounds, each has seen each signal."""
    return [
        Kill(step, SIGNALS[(number + at) % len(SIGNALS)], MOMENTS[number // len(SIGNALS) % 2])
        for at, step in enumerate((*INGESTION, *TRAINING))
    ]


def unfinished() -> list[dg.DagsterRun]:
    with dg.DagsterInstance.get() as instance:
        return [run for run in instance.get_runs() if run.status not in FINISHED]


def began_to_work(ended: Ended) -> float:
    """The seconds from the start of a command to its first step; 0 if nothing was left to do."""
    with dg.DagsterInstance.get() as instance:
        runs = [record.dagster_run.run_id for record in instance.get_run_records(limit=2)]
        events = [entry for run in runs for entry in instance.all_logs(run)]
    began = [
        entry.timestamp - ended.began
        for entry in events
        if entry.dagster_event and entry.dagster_event.event_type_value == "STEP_START"
    ]
    return min((second for second in began if second > 0), default=0.0)


def assert_nothing_is_lost_or_twice(place: Place) -> None:
    """All photos are in each table once and in the live model's data; no run is under way."""
    assert unfinished() == []
    with dg.DagsterInstance.get() as instance:
        assert instance.event_log_storage.get_concurrency_run_ids() == set()
    client = MlflowClient(place.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment
    ended = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in ended} <= {"FINISHED", "FAILED", "KILLED"}
    number = place.number
    for asset in ("raw_images", "clean_images"):
        times = Counter(row["sha256"] for row in place.rows(asset))
        assert set(times.values()) == {1}
        assert len(times) == number
    release = log.live(place.store)
    live = open_bundle(place.store, release.version, release.manifest_sha256).manifest
    assert sum(sum(split.values()) for split in live.data.counts.values()) == number


@pytest.mark.timeout(4 * 3600)
def test_a_command_that_was_killed_strands_nothing_and_the_next_one_goes_on(
    place: Place, record_property: Callable[[str, object], None]
) -> None:
    waited, hits = list[float](), Counter[str]()
    for number in range(rounds()):
        for kill in kills(number):
            if kill.step in INGESTION:  # else the last one has left nothing to take in
                place.add_photos()
            ended = place.run(kill)
            died = ended.code == (-kill.number if kill.number == signal.SIGKILL else INTERRUPTED)
            assert died, f"{kill}: {ended.code}\n{ended.said}"
            assert "Waiting for run" not in ended.said
            assert len(unfinished()) <= (kill.number == signal.SIGKILL)
            waited.append(began_to_work(ended))
            hits[signal.Signals(kill.number).name] += 1
        ended = place.run()
        assert ended.code == 0, ended.said
        waited.append(began_to_work(ended))
        assert_nothing_is_lost_or_twice(place)
        print(figure(hits, waited), flush=True)  # noqa: T201  for `-s`
    record_property("figure", figure(hits, waited))


def figure(hits: Counter[str], waited: list[float]) -> str:
    return (
        f"{hits.total()} kills ({dict(hits)}); the next command began its first step after "
        f"{sorted(waited)[len(waited) // 2]:.1f} s (half of them), {max(waited):.1f} s at most"
    )
