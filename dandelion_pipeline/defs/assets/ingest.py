"""`raw_images`: from a day's landing folder to photos kept by content."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.acceptance import accepted
from dandelion_pipeline.dataset.cleaning.batch_checks import (
    REJECTION_RATE,
    check_rejections,
    failed,
    require,
)
from dandelion_pipeline.dataset.cleaning.measures import DayMeasures
from dandelion_pipeline.dataset.cleaning.measuring import one_blas_thread
from dandelion_pipeline.defs.airflow.runs import DATA_INGESTION
from dandelion_pipeline.defs.checks import BatchConfig, check_results, check_specs
from dandelion_pipeline.defs.configuration import configuration_of_run, given_to, with_given
from dandelion_pipeline.defs.partitions import day_of, photo_days
from dandelion_pipeline.defs.previews import photos_preview
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import SHOWN, table
from dandelion_pipeline.ingest.intake import (
    ACCEPTED,
    RAW_IMAGES,
    REJECTED,
    counts,
    forget_parts,
    stopped,
    take_in,
)
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.content_hash import content_hash
from dandelion_pipeline.storage.records.tables import last_table

PROGRESS_EVERY = 100
REJECTED_LOGGED = 5


@dg.asset(
    name=RAW_IMAGES,
    partitions_def=photo_days,
    deps=[dg.AssetDep(DATA_INGESTION, partition_mapping=dg.IdentityPartitionMapping())],
    check_specs=check_specs(RAW_IMAGES, [REJECTION_RATE]),
    io_manager_key="tables",
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "pillow", "parquet"},
)
def raw_images(
    context: dg.AssetExecutionContext, config: BatchConfig, store: StoreResource
) -> Iterator[dg.Output[pa.Table] | dg.AssetCheckResult]:
    """Every file of a day's landing folder: accepted, duplicate, ignored, or rejected, and why.

    Accepted photos are kept under the hash of their content, so nothing is stored twice.
    """
    opened, day = store.open(), day_of(context)
    limits = with_given(
        configuration_of_run(context, opened).batch_limits, given_to(context), config
    )

    def progress(done: int, total: int) -> None:
        if done % PROGRESS_EVERY == 0 or done == total:
            context.log.info(f"{day}: {done} of {total} new files")

    with transient_errors_retried(context):
        before = last_table(opened, layout.table(RAW_IMAGES, day))
        with one_blas_thread():
            intake = take_in(opened, day, before, progress, DayMeasures(opened, day))
        preview = photos_preview(opened, _with_status(intake.table, ACCEPTED))
        acceptance = accepted(opened, day)
    rejected, files = _with_status(intake.table, REJECTED), intake.table.num_rows
    by_status = counts(intake.table)
    context.log.info(
        f"{day}: {files} files, {intake.read} of them new; "
        + ", ".join(f"{number} {status}" for status, number in by_status.items())
        + f"; {intake.stored} photos copied, {files - intake.read} files skipped"
    )
    for row in rejected.slice(0, REJECTED_LOGGED).to_pylist():
        context.log.warning(f"rejected {row['key']}: {row['detail']}")
    metadata: dict[str, Any] = {
        "preview": preview,
        **by_status,
        "read": intake.read,
        "stored": intake.stored,
        "from feedback": _from_feedback(intake.table),
        "rejections": _rejections(rejected),
    }
    findings = [check_rejections(intake.table, limits)]
    why = failed(findings) if acceptance is None else ""
    kept = stopped(intake.table, why)
    version = dg.DataVersion(content_hash(kept))
    yield dg.Output(kept, metadata=metadata, data_version=version)
    forget_parts(opened, day)  # Dagster goes on here once the table is written
    yield from check_results(findings, [REJECTION_RATE], acceptance)
    require(day, findings, acceptance)


def _from_feedback(table: pa.Table) -> int:
    """How many accepted photos landed because somebody corrected an answer."""
    names = _with_status(table, ACCEPTED)["name"]
    return int(pc.sum(pc.starts_with(names, layout.FEEDBACK_NAME)).as_py() or 0)


def _with_status(table: pa.Table, status: str) -> pa.Table:
    return table.filter(pc.equal(table["status"], status))


def _rejections(rejected: pa.Table) -> dg.TableMetadataValue:
    columns = ("key", "reason", "detail")
    rows = [[row[name] for name in columns] for row in rejected.slice(0, SHOWN).to_pylist()]
    if rejected.num_rows > SHOWN:
        rows.append([f"and {rejected.num_rows - SHOWN} more", None, None])
    return table(dict.fromkeys(columns, "string"), rows)
