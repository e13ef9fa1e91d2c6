"""Many past days are taken in by the command that docs/orchestration.md names."""

import subprocess
import sys

from dandelion_pipeline.ingest.intake import RAW_IMAGES
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.stack.chain.conftest import Chain
from dandelion_pipeline_tests.stack.chain.dagster_api import ENDED, Run
from dandelion_pipeline_tests.stack.services import wait

DAYS = [FULL, EMPTY] = ["2025-05-01", "2025-05-02"]
LATE = layout.landing_photo(FULL, "grass", "late.png")


def backfill(chain: Chain) -> list[Run]:
    """Take the days in, and give the runs that did it, once they have ended."""
    before = len(ingestions(chain))
    where = ["-w", str(chain.home / "workspace.yaml"), "-j", "ingestion_job"]
    chosen = ["--partitions", ",".join(DAYS), "--noprompt"]
    run(chain, "-m", "dagster", "job", "backfill", *where, *chosen)
    wait(lambda: len(ingestions(chain)) >= before + len(DAYS), "the runs of the backfill")
    wait(lambda: all(run.status in ENDED for run in ingestions(chain)), "their ends")
    return ingestions(chain)[before:]


def run(chain: Chain, *arguments: str) -> None:
    """Run Python as somebody who administers Dagster."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env=chain.environment,
        cwd=chain.home,  # Dagster reads the .env of its folder, and a working copy may have one
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


ADD_DAYS = f"""
from dagster import DagsterInstance
DagsterInstance.get().add_dynamic_partitions("photo_days", {DAYS})
"""
"""What "Add a partition" in Dagster's page does."""


def ingestions(chain: Chain) -> list[Run]:
    return [run for run in chain.dagster.runs("ingestion_job") if run.day in DAYS]


def intake(store: Store) -> dict[str, list[tuple[str, str]]]:
    """What the tables say of each day."""
    tables = {day: read_table(store, layout.table(RAW_IMAGES, day)).to_pylist() for day in DAYS}
    return {day: [(row["key"], row["status"]) for row in rows] for day, rows in tables.items()}


def test_a_backfill_takes_each_day_in_once_and_another_changes_nothing(chain: Chain) -> None:
    store = chain.stack.store
    store.put(LATE, photo((200, 100, 99), format="PNG"))
    run(chain, "-c", ADD_DAYS)
    runs = backfill(chain)
    assert sorted((run.day, run.status) for run in runs) == [(day, "SUCCESS") for day in DAYS]
    assert intake(store) == {FULL: [(LATE, "accepted")], EMPTY: []}
    kept = sorted(each.key for each in store.list_objects(layout.IMAGES))
    again = backfill(chain)
    assert sorted((run.day, run.status) for run in again) == [(day, "SUCCESS") for day in DAYS]
    assert intake(store) == {FULL: [(LATE, "accepted")], EMPTY: []}
    assert sorted(each.key for each in store.list_objects(layout.IMAGES)) == kept
