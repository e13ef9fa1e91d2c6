"""`raw_images`: from a day's landing folder to photos kept by content."""

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.airflow_runs import DATA_INGESTION
from dandelion_pipeline.defs.partitions import days
from dandelion_pipeline.defs.pools import INGESTION_POOL
from dandelion_pipeline.defs.previews import photos_preview
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.retries import transient_errors_retried
from dandelion_pipeline.images.intake import ACCEPTED, RAW_IMAGES, REJECTED, counts, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.tables import last_table

PROGRESS_EVERY = 100
REJECTED_SHOWN = 20
REJECTED_LOGGED = 5


@dg.asset(
    name=RAW_IMAGES,
    partitions_def=days,
    deps=[dg.AssetKey(DATA_INGESTION)],
    io_manager_key="tables",
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "pillow", "parquet"},
    owners=["team:ml"],
)
def raw_images(context: dg.AssetExecutionContext, store: StoreResource) -> pa.Table:
    """Every file of a day's landing folder: accepted, duplicate, or rejected with its reason.

    Accepted photos are kept under the hash of their content, so nothing is stored twice.
    """
    opened, day = store.open(), context.partition_key

    def progress(done: int, total: int) -> None:
        if done % PROGRESS_EVERY == 0 or done == total:
            context.log.info(f"{day}: {done} of {total} new files")

    with transient_errors_retried(context):
        before = last_table(opened, layout.table(RAW_IMAGES, day))
        intake = take_in(opened, day, before, progress)
        rows = intake.table.to_pylist()
        preview = photos_preview(opened, [r for r in rows if r["status"] == ACCEPTED])
    by_status = counts(intake.table)
    context.log.info(
        f"{day}: {len(rows)} files, {intake.read} of them new; "
        + ", ".join(f"{number} {status}" for status, number in by_status.items())
        + f"; {intake.stored} photos copied, {len(rows) - intake.read} files skipped"
    )
    for row in [row for row in rows if row["status"] == REJECTED][:REJECTED_LOGGED]:
        context.log.warning(f"rejected {row['key']}: {row['detail']}")
    context.add_output_metadata(
        {
            **by_status,
            "read": intake.read,
            "stored": intake.stored,
            "rejections": _rejections(rows),
            "preview": preview,
        }
    )
    return intake.table


def _rejections(rows: list[dict[str, str]]) -> dg.MarkdownMetadataValue:
    rejected = [row for row in rows if row["status"] == REJECTED]
    lines = [f"- `{row['key']}`: {row['detail']}" for row in rejected[:REJECTED_SHOWN]]
    if len(rejected) > REJECTED_SHOWN:
        lines.append(f"- and {len(rejected) - REJECTED_SHOWN} more")
    return dg.MetadataValue.md("\n".join(lines) or "none")
