"""`published_model`: the gate, the bundle's manifest, the release log."""

from collections.abc import Iterator
from importlib.metadata import version

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.tracking import Tracking
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.publish import Origin, publish, still_valid
from dandelion_pipeline.training.score import score


@dg.asset(
    output_required=False,
    group_name="release",
    kinds={"onnx", "mlflow"},
    owners=["team:ml"],
)
def published_model(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    mlflow: dg.ResourceParam[Tracking],
    trained_model: TrainedModel,
    evaluation: pa.Table,
    dataset: pa.Table,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The model as a bundle that is written once, and as the newest entry of the release log.

    A challenger that the gate refuses keeps its bundle, is never live, and materialises
    nothing: the run's observation says why.
    """
    opened = store.open()
    with mlflow.failures_recorded():
        scores = evaluation
        if not still_valid(opened, scores):
            context.log.info("another model went live meanwhile: comparing again")
            scores = score(opened, dataset, trained_model)
        outcome = publish(
            opened,
            trained_model,
            scores,
            Origin(version("dandelion-pipeline"), context.run.run_id, mlflow.run_id),
        )
        mlflow.set_tags({"promoted": outcome.decision.promote, "reason": outcome.decision.reason})
    manifest = outcome.manifest
    metadata: dict[str, dg.RawMetadataValue] = {
        "version": manifest.version,
        "promoted": outcome.decision.promote,
        "reason": outcome.decision.reason,
        "accuracy": manifest.metrics.accuracy,
        "is_sample": manifest.data.is_sample,
        "address": opened.address(f"models/{manifest.version}/"),
        "mlflow_run": dg.MetadataValue.url(mlflow.link),
    }
    if outcome.decision.promote:
        context.log.info(f"model {manifest.version} is live: {outcome.decision.reason}")
        yield dg.MaterializeResult(metadata=metadata)
    else:
        context.log.warning(f"model {manifest.version} is not live: {outcome.decision.reason}")
        yield dg.AssetObservation(context.asset_key, metadata=metadata)
