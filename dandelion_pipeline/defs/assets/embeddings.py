"""`embeddings`: what the backbone sees in the photos of a day."""

import hashlib

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.partitions import day_of, photo_days
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.embeddings.backbone import FEATURES
from dandelion_pipeline.embeddings.embedding import backbone_embedder, embed_day
from dandelion_pipeline.storage import layout


@dg.asset(
    partitions_def=photo_days,
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "pytorch", "parquet"},
)
def embeddings(
    context: dg.AssetExecutionContext, store: StoreResource, clean_images: pa.Table
) -> dg.MaterializeResult[None]:
    """The features of the photos of a day that are fit for training, computed once for each photo.

    The label check and whatever else looks at photos reads them from here.
    """
    opened, day = store.open(), day_of(context)
    wanted = clean_images.filter(clean_images["keep"])["sha256"].combine_chunks()
    with transient_errors_retried(context):
        embedder = backbone_embedder()
        new = embed_day(opened, embedder, day, wanted, on_photos=context.log.info)
    context.log.info(f"{day}: {len(wanted)} photos, {new} of them embedded now")
    return dg.MaterializeResult(
        metadata={
            "backbone": embedder.version,
            "features": FEATURES,
            "dagster/partition_row_count": len(wanted),
            "embedded_now": new,
            "dagster/uri": opened.address(layout.embeddings(embedder.version, day)),
        },
        data_version=dg.DataVersion(_data_version(embedder.version, wanted)),
    )


def _data_version(backbone: str, photos: pa.Array) -> str:
    """Features are a function of the backbone and the photos."""
    names = [backbone, *sorted(photos.to_pylist())]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
