"""From a trained model and its scores to a finished bundle, and live if the gate agrees."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.bundle import Bundle, digests, finish, open_bundle
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.release.promotion import supersede
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.training.card import with_card
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.gate import Decision
from dandelion_pipeline.training.score import champion_version, judge, measure_both


@dataclass(frozen=True)
class Origin:
    """What made a model: the version of this product, and the runs to look it up in."""

    code_version: str
    dagster_run: str
    mlflow_run: str


@dataclass(frozen=True)
class Outcome:
    """What became of a challenger."""

    manifest: Manifest
    decision: Decision


def publish(store: Store, model: TrainedModel, scores: pa.Table, origin: Origin) -> Outcome | None:
    """Finish the bundle, and make it live if the gate lets it pass.

    Args:
        store: the model's files lie there already.
        model: the challenger.
        scores: as made by `score.score`.
        origin: what made the model.

    Returns:
        What became of it, or None if another model went live meanwhile: score it again.
    """
    decision = judge(scores, model)
    bundle = _finished(store, model, scores, origin)
    if decision.promote:
        who = f"Dagster run {origin.dagster_run}"
        if supersede(bundle, champion_version(scores), who=who, why=decision.reason) is None:
            return None
    return Outcome(bundle.manifest, decision)


def _finished(store: Store, model: TrainedModel, scores: pa.Table, origin: Origin) -> Bundle:
    """Write the manifest, or read the one that an earlier try of the same model wrote."""
    record = model.record
    try:
        bundle = open_bundle(store, record.version)
    except BundleError:
        manifest = Manifest(
            version=record.version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            architecture=record.architecture,
            classes=record.classes,
            preprocessing=record.preprocessing.model_dump(mode="json"),
            temperature=record.temperature,
            data=record.data,
            metrics=measure_both(scores, record.classes),
            fp32=record.fp32,
            int8=record.int8,
            golden=record.golden,
            training={**record.config.model_dump(), "best_epoch": record.best_epoch},
            files=digests(model.bundle_files()),
            **asdict(origin),
        )
        return finish(store, with_card(store, model, scores, manifest))
    bundle.verify()
    return bundle
