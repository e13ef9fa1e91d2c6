"""`clean_images` and `dataset`: which photos are used, and for what."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.partitions import days
from dandelion_pipeline.defs.pools import INGESTION_POOL
from dandelion_pipeline.defs.previews import counts_table, photos_preview
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.retries import transient_errors_retried
from dandelion_pipeline.images.quality import CLEAN_IMAGES, clean
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.tables import last_table
from dandelion_pipeline.training.dataset import TEST, DatasetInfo, build_dataset, rows_of


@dg.asset(
    partitions_def=days,
    io_manager_key="tables",
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "pillow", "parquet"},
    owners=["team:ml"],
)
def clean_images(
    context: dg.AssetExecutionContext, store: StoreResource, raw_images: pa.Table
) -> pa.Table:
    """The accepted photos of a day with their measurements, and which are fit for training."""
    opened, day = store.open(), context.partition_key
    with transient_errors_retried(context):
        before = last_table(opened, layout.table(CLEAN_IMAGES, day))
        table = clean(opened, raw_images, before)
    dropped = Counter(reason for reason in table["drop_reason"].to_pylist() if reason)
    context.log.info(f"{day}: {table.num_rows} photos measured")
    context.add_output_metadata(
        {
            "kept": table.num_rows - dropped.total(),
            "dropped": dict(dropped),
            "by_label": dict(Counter(table["label"].to_pylist())),
        }
    )
    return table


@dg.asset(
    io_manager_key="tables",
    group_name="training",
    kinds={"python", "parquet"},
    owners=["team:ml"],
)
def dataset(
    context: dg.AssetExecutionContext, store: StoreResource, clean_images: pa.Table
) -> pa.Table:
    """The photos of all days, each under one label and in one split that never changes.

    The split is a salted hash of the content, so no photo crosses it as data grows.
    """
    table = build_dataset(clean_images, store.settings.split_salt)
    info = DatasetInfo.of(table)
    with transient_errors_retried(context):
        preview = photos_preview(store.open(), table.to_pylist())
    context.log.info(
        f"{table.num_rows} photos, classes {', '.join(info.classes)}"
        + (f"; left out: {info.left_out}" if info.left_out else "")
    )
    context.add_output_metadata(
        {
            "counts": counts_table(info.counts),
            "classes": info.classes,
            "hash": info.hash,
            "is_sample": info.is_sample,
            "left_out": info.left_out,
            "test_photos": rows_of(table, TEST).num_rows,
            "preview": preview,
        }
    )
    return table
