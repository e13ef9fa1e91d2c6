"""`published_model`: the bundle's manifest, the gate, the release log, MLflow's registry."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import TypeAlias

import dagster as dg
import pyarrow as pa
from pydantic import Field

from dandelion_pipeline.defs.checks import check_specs
from dandelion_pipeline.defs.configuration import configuration_of_run, given_to, with_given
from dandelion_pipeline.defs.gate import GateConfig, criteria_table, gate_results
from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.defs.mlflow.registry import mirror
from dandelion_pipeline.defs.mlflow.timeouts import one_try_each
from dandelion_pipeline.defs.mlflow.tracking import Tracking
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import figure
from dandelion_pipeline.errors import DandelionError, ModelRefused
from dandelion_pipeline.gate.gate import GATE_CHECKS
from dandelion_pipeline.gate.publish import Origin, Outcome, publish_in_turn
from dandelion_pipeline.release.decision import Decision
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel

_OVERTAKEN = "another model went live meanwhile: comparing again"
Metadata: TypeAlias = "Mapping[str, dg.RawMetadataValue]"  # Dagster has it for checkers alone


class PublishedModelConfig(dg.Config):
    """What a model has to keep to go live, and whether somebody overrules that."""

    limits: GateConfig = GateConfig()
    force_reason: str = Field(
        default="",
        description="Why the model goes live whatever the gate says; it is kept in the log",
    )


@dg.asset(
    check_specs=check_specs("published_model", GATE_CHECKS),
    output_required=False,
    group_name="release",
    kinds={"onnx", "mlflow"},
)
def published_model(
    context: dg.AssetExecutionContext,
    config: PublishedModelConfig,
    store: StoreResource,
    mlflow: dg.ResourceParam[Tracking],
    trained_model: TrainedModel,
    evaluation: pa.Table,
    dataset: pa.Table,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation | dg.AssetCheckResult]:
    """The model as a bundle that is written once, and as the newest entry of the release log.

    A challenger that the gate refuses keeps its bundle, is never live, and materialises
    nothing: the checks and the run's observation say why, and the run fails. It does not fail
    where the live model is of another kind and of the same photos, and merely stays.
    """
    opened = store.open()
    given = given_to(context).get("limits", {})
    limits = with_given(configuration_of_run(context, opened).gate_limits, given, config.limits)
    with mlflow.failures_recorded(), transient_errors_retried(context):
        outcome = publish_in_turn(
            opened,
            dataset,
            trained_model,
            evaluation,
            Origin(version("dandelion-pipeline"), context.run.run_id, mlflow.run_id),
            limits=limits,
            forced_because=config.force_reason,
            on_overtaken=partial(context.log.info, _OVERTAKEN),
        )
    decision = outcome.decision
    _tell_log(context, decision)
    link = _tell_mlflow(context, store.settings, opened, outcome, mlflow)
    metadata = {**_metadata(opened, outcome), **mlflow.metadata, **link}
    if decision.promote:
        version_of = dg.DataVersion(outcome.manifest.version)
        yield dg.MaterializeResult(metadata=metadata, data_version=version_of)
    else:
        yield dg.AssetObservation(context.asset_key, metadata=metadata)
    yield from gate_results(decision, stops=not outcome.keeps_rival)
    if not outcome.keeps_rival:
        with mlflow.failures_recorded():
            _require(decision)


def _require(decision: Decision) -> None:
    """Fail if the gate refused the model.

    Raises:
        ModelRefused: names each criterion that did not hold.
    """
    if not decision.promote:
        raise ModelRefused(
            f"model {decision.version} does not go live",
            decision.reason,
            "What was live stays live. The bundle is kept: `dandelion releases show "
            f"{decision.version}`; to publish it all the same, `dandelion releases promote "
            f"{decision.version} --force --reason …`",
        )


def _tell_log(context: dg.AssetExecutionContext, decision: Decision) -> None:
    live = "is live" if decision.promote else "is not live"
    fine = decision.promote and not decision.failed and not decision.warnings
    level = logging.INFO if fine else logging.WARNING
    context.log.log(level, f"model {decision.version} {live}: {decision.reason}")
    for criterion in decision.criteria:
        held = "warning" if criterion.warning else "passed"
        said = held if criterion.passed else "FAILED"
        context.log.info(f"{said}  {criterion.check}: {criterion.says}")


def _metadata(store: Store, outcome: Outcome) -> Metadata:
    manifest = outcome.manifest
    balanced = manifest.metrics.balanced_accuracy
    return {
        "version": manifest.version,
        "promoted": outcome.decision.promote,
        "reason": outcome.decision.reason,
        "gate": criteria_table(outcome.decision),
        "accuracy": figure(manifest.metrics.accuracy),
        "balanced_accuracy": balanced if balanced is None else figure(balanced),
        "is_sample": manifest.data.is_sample,
        "dagster/uri": store.address(layout.model_file(manifest.version, "")),
    }


def _tell_mlflow(
    context: dg.AssetExecutionContext,
    settings: Settings,
    store: Store,
    outcome: Outcome,
    mlflow: Tracking,
) -> Metadata:
    """Bring MLflow up to date. It is no part of the release: a failure is a warning."""
    decision, bundle = outcome.decision, outcome.manifest.version
    try:
        with one_try_each("saying in MLflow what became of the model"):
            mlflow.set_tags({"promoted": decision.promote, "reason": decision.reason})
        number = mirror(settings, store).versions.get(bundle)
    except DandelionError as error:
        context.log.warning(f"the release stands, but MLflow's registry lags behind: {error}")
        return {}
    if number is None:  # damaged as soon as it was written; whoever opens it says so
        return {}
    link = f"{settings.mlflow_ui}/#/models/{NAME}/versions/{number}"
    return {"registered_version": dg.MetadataValue.url(link)}
