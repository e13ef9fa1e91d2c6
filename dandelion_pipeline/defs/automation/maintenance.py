"""What keeps the store in order without anybody: a weekly check, garbage collection, retention."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from dandelion_pipeline.defs.automation.jobs import check_cron
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.ingest.retention.landing import clear_landing
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.retention import (
    Deleted,
    day_before,
    delete_predictions,
    delete_step_output,
)

_DANDELION = [sys.executable, "-c", "from dandelion_pipeline.cli import main; main()"]
_SHOWN = 20


@dg.op(out=dg.Out(dg.Nothing))
def checked_store(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Look for what is missing or damaged: `dandelion store check`. Damage fails the run."""
    found = _command(context, store, ["store", "check", "--json"], allowed={0, 1})
    counts = {prefix: of["count"] for prefix, of in found["objects"].items()}
    context.log.info(f"objects: {json.dumps(counts)}; {len(found['orphans'])} orphans")
    damage = [f"{one['name']}: {one['why']}" for one in found["damage"]]
    if damage:
        raise dg.Failure(
            f"{len(damage)} objects are missing or damaged, and nothing was removed: "
            + "; ".join(damage[:_SHOWN]),
            allow_retries=False,
        )


@dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def garbage_collected(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Remove what nothing refers to: `dandelion store gc`, with its own grace period."""
    removed = _command(context, store, ["store", "gc", "--json"])["removed"]
    gone = Deleted(len(removed), sum(one["bytes"] for one in removed))
    context.log.info(f"garbage collection: {gone}")
    context.add_output_metadata({"orphans removed": gone.objects, "bytes": gone.bytes})


@dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), pool=INGESTION_POOL)
def old_files_deleted(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Delete what the settings say is too old; by default nothing is. No ingestion runs beside."""
    with transient_errors_retried(context):
        deleted = apply_retention(store.open(), load_settings(), context.instance)
    for what, gone in deleted.items():
        context.log.info(f"{what}: {gone}")
    if not deleted:
        context.log.info("nothing is deleted by its age: no DANDELION_KEEP_…_DAYS is set")
    context.add_output_metadata({f"{what}, bytes": gone.bytes for what, gone in deleted.items()})


@dg.job(description="Check the store, remove what nobody needs, delete what is too old.")
def maintenance_job() -> None:
    """One after the other: nothing is removed from a store that is damaged."""
    old_files_deleted(garbage_collected(checked_store()))


def maintenance_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The weekly schedule, unless its time is empty.

    Raises:
        SettingsError: the time is no cron expression.
    """
    if not settings.maintenance_cron:
        return []
    check_cron("DANDELION_MAINTENANCE_CRON", settings.maintenance_cron)
    return [
        dg.ScheduleDefinition(
            name="weekly_maintenance_schedule",
            job=maintenance_job,
            cron_schedule=settings.maintenance_cron,
            execution_timezone=settings.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Checks the store, and removes what nobody needs or what is too old.",
        )
    ]


def apply_retention(
    store: Store, settings: Settings, instance: dg.DagsterInstance
) -> dict[str, Deleted]:
    """Delete what is older than the settings say, and count it by what it is."""
    deleted: dict[str, Deleted] = {}
    if settings.keep_landing_days is not None:
        deleted["landing"] = clear_landing(store, day_before(settings.keep_landing_days))
    if settings.keep_predictions_days is not None:
        deleted["predictions"] = delete_predictions(
            store, day_before(settings.keep_predictions_days)
        )
    if settings.keep_step_output_days is not None:
        first_kept = day_before(settings.keep_step_output_days)
        local = isinstance(instance.compute_log_manager, LocalComputeLogManager)
        deleted["compute logs"] = (
            _delete_files(Path(instance.storage_directory()), first_kept)
            if local
            else delete_step_output(store, first_kept)
        )
    return deleted


def _delete_files(storage: Path, first_kept: str) -> Deleted:
    """Delete what steps of a Dagster on this machine printed before a day."""
    sizes = []
    for path in storage.glob("*/compute_logs/*"):
        status = path.stat()
        if f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%d}" < first_kept:
            path.unlink()
            sizes.append(status.st_size)
    return Deleted(len(sizes), sum(sizes))


def _command(
    context: dg.OpExecutionContext,
    store: StoreResource,
    arguments: Sequence[str],
    allowed: frozenset[int] | set[int] = frozenset({0}),
) -> Any:  # noqa: ANN401  JSON
    """Run a command of the operator in a process of its own, whose memory goes with it."""
    environment = {**os.environ, "DANDELION_STORE_URL": store.url or store.settings.store}
    ended = subprocess.run(  # noqa: S603  our own command
        [*_DANDELION, *arguments], check=False, capture_output=True, text=True, env=environment
    )
    if ended.returncode not in allowed or not ended.stdout:
        said = ended.stderr.strip()[-2000:]
        raise dg.Failure(f"dandelion {' '.join(arguments)} ended with {ended.returncode}: {said}")
    return json.loads(ended.stdout)
