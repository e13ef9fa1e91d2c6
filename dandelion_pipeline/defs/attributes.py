"""What Dagster's catalogue says of each asset: owner, tags, code version, columns, address."""

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_SCHEMA
from dandelion_pipeline.dataset.cleaning.measuring import MEASURES
from dandelion_pipeline.dataset.dataset import SCHEMA as DATASET_SCHEMA
from dandelion_pipeline.defs.tables import column_schema
from dandelion_pipeline.embeddings.backbone import version as backbone_version
from dandelion_pipeline.embeddings.embedding import SCHEMA as EMBEDDINGS_SCHEMA
from dandelion_pipeline.ingest.feedback import FEEDBACK_SCHEMA
from dandelion_pipeline.ingest.intake import RAW_SCHEMA
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout

FRESH_FOR, STALE_AFTER = timedelta(days=35), timedelta(days=90)
"""The age of the live model from which on Dagster warns, and from which on it calls it overdue. A
model is made once a week at most, and none if there are no new photos or the gate refuses it."""


@dataclass(frozen=True)
class Attributes:
    """What is known of an asset before anything is made."""

    code_version: str | None
    """Raised by whoever changes what the asset makes of the same inputs: what was made before is
    marked as out of date from then on."""

    stage: str
    holds: str
    """What its data are about."""

    prefix: str | None = None
    """Where they lie in the store."""

    schema: pa.Schema | None = None
    freshness: dg.FreshnessPolicy | None = None


def _table(asset: str) -> str:
    return layout.table(asset, "")[: -len(".parquet")]


ATTRIBUTES = {
    "data_ingestion": Attributes(None, "ingest", "photos", layout.LANDING),
    "raw_images": Attributes("1", "ingest", "photos", _table("raw_images"), RAW_SCHEMA),
    "feedback": Attributes("1", "ingest", "feedback", _table("feedback"), FEEDBACK_SCHEMA),
    "clean_images": Attributes(MEASURES, "dataset", "photos", _table("clean_images"), CLEAN_SCHEMA),
    "embeddings": Attributes(
        backbone_version(), "embeddings", "photos", layout.EMBEDDINGS, EMBEDDINGS_SCHEMA
    ),
    "dataset": Attributes("1", "dataset", "photos", _table("dataset"), DATASET_SCHEMA),
    "trained_model": Attributes("1", "training", "model", layout.MODELS),
    "evaluation": Attributes("1", "evaluation", "model", _table("evaluation")),
    "published_model": Attributes(
        "1",
        "release",
        "model",
        layout.MODELS,
        freshness=dg.FreshnessPolicy.time_window(STALE_AFTER, warn_window=FRESH_FOR),
    ),
}


def described(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    """An asset with all of its attributes.

    Args:
        spec: with what is said where the asset is defined: description, group, kinds.
        settings: whose it is, and where the store is.
    """
    known = ATTRIBUTES[spec.key.to_user_string()]
    metadata: dict[str, object] = dict(spec.metadata)
    if known.prefix is not None:
        metadata["dagster/uri"] = f"{settings.store.rstrip('/')}/{known.prefix}"
    if known.schema is not None:
        metadata["dagster/column_schema"] = column_schema(known.schema)
    return spec.replace_attributes(
        owners=[settings.owner],
        code_version=known.code_version,
        tags={**spec.tags, "stage": known.stage, "data": known.holds},
        metadata=metadata,
        freshness_policy=known.freshness,
    )
