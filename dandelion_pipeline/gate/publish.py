"""From a trained model and its scores to a finished bundle, and live if the gate agrees."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.evaluation.card import with_card
from dandelion_pipeline.evaluation.scores import champion_version, measure_both, score
from dandelion_pipeline.gate.comparison import compare
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.release.bundle import Bundle, digests, finish, open_bundle
from dandelion_pipeline.release.decision import Decision, decision_of, record
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.release.promotion import supersede
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel

_DEFAULT = GateLimits()


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
    keeps_rival: bool = False
    """As of `comparison.Comparison`."""


def publish(
    store: Store,
    model: TrainedModel,
    scores: pa.Table,
    origin: Origin,
    *,
    limits: GateLimits = _DEFAULT,
    forced_because: str = "",
) -> Outcome | None:
    """Finish the bundle, and make it live if the gate lets it pass.

    Args:
        store: the model's files lie there already.
        model: the challenger.
        scores: as made by `scores.score`.
        origin: what made the model.
        limits: what it has to keep.
        forced_because: why it goes live whatever the gate says; empty if it does not.

    Returns:
        What became of it, or None if another model went live meanwhile: score it again. The
        decision lies beside the bundle, whatever it was.
    """
    comparison = compare(scores, model, limits)
    champion = champion_version(scores)
    bundle = _finished(store, model, scores, origin)
    version, run = bundle.manifest.version, origin.dagster_run
    decision = decision_of(
        version,
        champion,
        comparison.criteria,
        forced_because=forced_because,
        run=run,
        best=comparison.best,
    )
    if decision.promote:
        who, why, forced = f"Dagster run {run}", decision.reason, bool(forced_because)
        if supersede(bundle, champion, who=who, why=why, forced=forced) is None:
            return None
    return Outcome(bundle.manifest, record(store, decision), comparison.keeps_rival)


def publish_in_turn(
    store: Store,
    dataset: pa.Table,
    model: TrainedModel,
    scores: pa.Table,
    origin: Origin,
    *,
    limits: GateLimits = _DEFAULT,
    forced_because: str = "",
    on_overtaken: Callable[[], None] = lambda: None,
) -> Outcome:
    """As `publish`, and compare again for as long as other models go live meanwhile.

    Of two retrainings at once the second is so judged against the first.
    """
    while True:
        outcome = publish(
            store, model, scores, origin, limits=limits, forced_because=forced_because
        )
        if outcome is not None:
            return outcome
        on_overtaken()
        scores = score(store, dataset, model)


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
            served_as=record.served_as,
            served_because=record.served_because,
            temperatures=record.temperatures,
            golden=record.golden,
            ood=record.ood,
            training=record.config.model_dump(),
            files=digests(model.bundle_files()),
            **asdict(origin),
        )
        return finish(store, with_card(store, model, scores, manifest))
    bundle.verify()
    return bundle
