"""`feedback`: what people said of the model's answers, and the photos that they gave."""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.defs.partitions import day_of, feedback_days
from dandelion_pipeline.defs.previews import landed_preview
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import feedback_table, table
from dandelion_pipeline.ingest.feedback import FEEDBACK, by_model, gather
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.content_hash import content_hash
from dandelion_pipeline.storage.records.tables import last_table


@dg.asset(
    name=FEEDBACK,
    partitions_def=feedback_days,
    io_manager_key="tables",
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "parquet"},
)
def feedback(context: dg.AssetExecutionContext, store: StoreResource) -> dg.Output[pa.Table]:
    """What people said of the answers of a day: right or wrong, and for which model.

    Photos that were given with consent are taken in by `raw_images`, like all others.
    """
    opened, day = store.open(), day_of(context)
    with transient_errors_retried(context):
        said = gather(opened, day, last_table(opened, layout.table(FEEDBACK, day)))
        given = said["photo"].drop_null().to_pylist()
        preview = landed_preview(opened, given)
    counts = by_model(said)
    total = {word: sum(of[word] for of in counts.values()) for word in ("right", "wrong")}
    context.log.info(f"{day}: {said.num_rows} said something, {total}, {len(given)} gave a photo")
    corrected = said.filter(pc.not_equal(said["seen"], said["said"]))
    return dg.Output(
        said,
        metadata={
            "preview": preview,
            **total,
            "photos": len(given),
            "models": feedback_table(counts),
            "comments": _comments(corrected),
        },
        data_version=dg.DataVersion(content_hash(said)),
    )


def _comments(corrected: pa.Table) -> dg.TableMetadataValue:
    """What people wrote where the model was wrong."""
    rows = [row for row in corrected.to_pylist() if row["comment"]]
    return table(
        dict.fromkeys(("seen", "said", "comment"), "string"),
        [[row["seen"], row["said"], row["comment"]] for row in rows[:_COMMENTS_SHOWN]],
    )


_COMMENTS_SHOWN = 20
