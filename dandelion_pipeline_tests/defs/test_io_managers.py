"""Which snapshot of an asset a run reads: its own, that of a run that it retries, or the newest."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData

from dandelion_pipeline.defs.io_managers import SNAPSHOT, snapshot_for
from dandelion_pipeline.errors import ObjectNotFound

DATASET = dg.AssetKey("dataset")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(instance: dg.DagsterInstance, retries: dg.DagsterRun | None = None) -> dg.DagsterRun:
    root = (retries.root_run_id or retries.run_id) if retries else None
    parent = retries.run_id if retries else None
    return instance.add_run(
        dg.DagsterRun(job_name="training_job", parent_run_id=parent, root_run_id=root)
    )


def make(
    instance: dg.DagsterInstance, run: dg.DagsterRun, snapshot: str, asset: dg.AssetKey = DATASET
) -> None:
    made = dg.AssetMaterialization(asset, metadata={SNAPSHOT: snapshot})
    event = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        run.job_name,
        step_key=asset.path[-1],
        event_specific_data=StepMaterializationData(made),
    )
    instance.report_dagster_event(event, run.run_id)


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_a_retry_of_a_retry_reads_what_the_first_run_made(
    instance: dg.DagsterInstance, retries: int
) -> None:
    latest = first = run(instance)
    make(instance, first, "the first run's")
    for _ in range(retries):
        latest = run(instance, retries=latest)
    make(instance, run(instance), "another run's")
    make(instance, latest, "a model", dg.AssetKey("trained_model"))
    assert snapshot_for(instance, latest, DATASET) == "the first run's"


def test_what_a_retry_made_itself_goes_before_what_the_first_run_made(
    instance: dg.DagsterInstance,
) -> None:
    first = run(instance)
    make(instance, first, "first")
    second = run(instance, retries=first)
    make(instance, second, "second")
    make(instance, second, "second, once more")
    third = run(instance, retries=second)
    assert snapshot_for(instance, third, DATASET) == "second, once more"


def test_a_retry_finds_the_first_run_although_the_one_in_between_was_deleted(
    instance: dg.DagsterInstance,
) -> None:
    first = run(instance)
    make(instance, first, "first")
    second = run(instance, retries=first)
    third = run(instance, retries=second)
    instance.delete_run(second.run_id)
    make(instance, run(instance), "another run's")
    assert snapshot_for(instance, third, DATASET) == "first"


def test_a_run_without_its_own_reads_the_newest_however_many_there_are(
    instance: dg.DagsterInstance,
) -> None:
    with pytest.raises(ObjectNotFound, match="it has never been materialised"):
        snapshot_for(instance, run(instance), DATASET)
    mine = run(instance)
    make(instance, mine, "mine")
    other = run(instance)
    for number in range(201):
        make(instance, other, f"number {number}")
    assert snapshot_for(instance, run(instance), DATASET) == "number 200"
    assert snapshot_for(instance, run(instance, retries=mine), DATASET) == "mine"
