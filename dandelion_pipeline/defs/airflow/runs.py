"""What to make of DAG runs that have ended: which are new, what is recorded, which days to take in.

Pure: no clock but today's date, no network, no instance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import dagster as dg
from pydantic import AwareDatetime, BaseModel, ValidationError

from dandelion_pipeline.defs.airflow.client import SUCCESS, DagRun, TaskInstance
from dandelion_pipeline.ingest.landing import is_ingested

DATA_INGESTION = "data_ingestion"
"""The DAG, and the asset that stands for what it does."""

SCAN, UPLOAD = "scan_images", "upload_to_minio"

OVERLAP = timedelta(minutes=10)
"""How far back each look goes. A run's end is set some time before it can be seen, so one that
ended earlier may come to light after one that ended later."""

IDENTITY = "airflow_run"
"""The metadata entry by which a recorded run is found again."""


class Cursor(BaseModel, frozen=True):
    """The latest end that was seen, and the runs seen that ended up to `OVERLAP` before it."""

    ended: AwareDatetime | None = None
    seen: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read it. One that cannot be read starts anew: what is recorded stays so, once."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()

    @property
    def since(self) -> datetime | None:
        """From when on runs are to be looked at."""
        return self.ended - OVERLAP if self.ended else None

    def unseen(self, runs: Iterable[DagRun]) -> Iterator[DagRun]:
        """Those that were not seen."""
        return (run for run in runs if run.identity not in self.seen)

    def after(self, runs: Sequence[DagRun]) -> Self:
        """The cursor once these have been seen too."""
        if not runs:
            return self
        ends = [run.end_date for run in runs]
        ended = max([*ends, self.ended] if self.ended else ends)
        seen = self.seen.union(run.identity for run in runs)
        recent = frozenset(name for name in seen if _end(name) >= ended - OVERLAP)
        return type(self)(ended=ended, seen=recent)


@dataclass(frozen=True)
class EndedRun:
    """A DAG run that has ended, with what its tasks did."""

    run: DagRun
    link: str
    tasks: Sequence[TaskInstance] = ()
    results: Mapping[str, object] = field(default_factory=dict)
    """What tasks returned, by their names."""

    @property
    def day(self) -> str:
        """The day that it was for: as it says itself, as it was told, or by its date (UTC)."""
        for said in (self.results.get(UPLOAD), self.run.conf):
            if isinstance(said, Mapping) and isinstance(said.get("day"), str):
                return str(said["day"])
        return f"{(self.run.logical_date or self.run.run_after).astimezone(UTC):%Y-%m-%d}"


@dataclass(frozen=True)
class Report:
    """What is recorded in Dagster, and which runs are started."""

    events: list[dg.AssetMaterialization | dg.AssetObservation]
    requests: list[dg.RunRequest]
    cursor: Cursor


def report(cursor: Cursor, ended: Sequence[EndedRun], recorded: AbstractSet[str]) -> Report:
    """What to do about runs that have ended.

    A run that succeeded is a materialisation and starts the ingestion of its day; one that
    failed is an observation. Dagster stores events before it stores the cursor, and may be
    stopped in between. So what is recorded is not recorded again, but its run is still
    requested: the run key makes sure that this happens once.

    Args:
        cursor: what was seen before.
        ended: what was not.
        recorded: identities of the runs that events exist for.
    """
    new = [each for each in ended if each.run.identity not in cursor.seen]
    return Report(
        events=[_event(each) for each in new if each.run.identity not in recorded],
        requests=[
            dg.RunRequest(
                run_key=f"airflow:{each.run.identity}",
                partition_key=each.day,
                tags={"airflow/dag_run_id": each.run.dag_run_id},
            )
            for each in new
            if each.run.state == SUCCESS and is_ingested(each.day)
        ],
        cursor=cursor.after([each.run for each in new]),
    )


def _event(ended: EndedRun) -> dg.AssetMaterialization | dg.AssetObservation:
    run = ended.run
    kind = dg.AssetMaterialization if run.state == SUCCESS else dg.AssetObservation
    return kind(
        DATA_INGESTION,
        description=f"Airflow's {run.dag_run_id}: {run.state}",
        partition=ended.day if is_ingested(ended.day) else None,
        metadata={
            IDENTITY: run.identity,
            "state": run.state,
            "duration_s": round(run.duration_s, 3),
            "day": ended.day,
            "run_type": run.run_type,
            "ended": dg.MetadataValue.timestamp(run.end_date),
            "link": dg.MetadataValue.url(ended.link),
            **_logical_date(run),
            **_tasks(ended.tasks),
            **_counts(ended.results),
        },
    )


def _logical_date(run: DagRun) -> dict[str, dg.MetadataValue]:
    when = run.logical_date
    return {"logical_date": dg.MetadataValue.timestamp(when)} if when else {}


def _tasks(tasks: Sequence[TaskInstance]) -> dict[str, dg.MetadataValue]:
    return {"tasks": dg.MetadataValue.json({task.task_id: task.state for task in tasks})}


def _counts(results: Mapping[str, object]) -> dict[str, dg.MetadataValue]:
    """Photos in the drop folder, uploaded, there before, and left: in all and by class."""
    uploaded = results.get(UPLOAD)
    counted: dict[str, object] = {"in_drop_folder": results.get(SCAN)}
    if isinstance(uploaded, Mapping):
        counted |= {name: uploaded.get(name) for name in ("uploaded", "present", "waiting")}
    found = {n: c for n, c in counted.items() if isinstance(c, Mapping)}
    return {
        **{name: dg.MetadataValue.int(sum(classes.values())) for name, classes in found.items()},
        "by_class": dg.MetadataValue.json({name: dict(c) for name, c in found.items()}),
    }


def _end(identity: str) -> datetime:
    return datetime.fromisoformat(identity.rpartition("@")[2])
