"""What the store says of models, as the API tells it.

All of it blocks, and raises an `ApiProblem` where there is no such model or the store is away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dandelion_pipeline.errors import BundleError, DandelionError, ObjectNotFound
from dandelion_pipeline.release import decision, log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.decision import Decision, last_decision
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import Manifest, Metrics
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from serving.api.model_schemas import (
    ClassFigures,
    Comparison,
    Criterion,
    ModelDetails,
    ModelInfo,
    Refusals,
    RefusedModel,
    ReleasedModel,
    ReleaseHistory,
    ReleaseInfo,
    ReliabilityBin,
    Verdict,
)
from serving.api.problems import no_such_model, store_away
from serving.api.schemas import ModelRef
from serving.model.follower import LiveModel


def history(store: Store, limit: int) -> ReleaseHistory:
    """The release log, newest first."""
    try:
        entries = log.history(store)
    except DandelionError as error:
        raise store_away(str(error)) from None
    newest = entries[-1].number if entries else 0
    chosen = entries[::-1][:limit]
    released = [_released(store, one, live=one.number == newest) for one in chosen]
    return ReleaseHistory(releases=released, total=len(entries))


def _released(store: Store, entry: Release, *, live: bool) -> ReleasedModel:
    try:
        manifest = open_bundle(store, entry.version, entry.manifest_sha256).manifest
    except DandelionError:  # the entry is worth showing all the same
        manifest = None
    return ReleasedModel(
        **entry.model_dump(include=set(ReleaseInfo.model_fields)),
        version=entry.version,
        live=live,
        forced=entry.forced,
        accuracy=manifest.metrics.accuracy if manifest else None,
        data_hash=manifest.data.hash if manifest else None,
        is_sample=manifest.data.is_sample if manifest else None,
    )


@contextmanager
def _of_bundle(store: Store, version: str) -> Iterator[Bundle]:
    try:
        yield open_bundle(store, version)
    except BundleError:
        raise no_such_model(version, "is not in the store, or is damaged") from None
    except DandelionError as error:
        raise store_away(str(error)) from None


def bundle_file(store: Store, version: str, name: str) -> bytes:
    """A file of a bundle."""
    with _of_bundle(store, version) as bundle:
        if name not in bundle.manifest.files:
            raise no_such_model(version, "has no card")
        return bundle.read(name)


def data_report(store: Store, version: str) -> bytes:
    """The report of the data set that a model was made from."""
    with _of_bundle(store, version) as bundle:
        try:
            return store.get(layout.report(bundle.manifest.data.hash))
        except ObjectNotFound:
            raise no_such_model(version, "has no data report") from None


def model_details(store: Store, version: str) -> ModelDetails:
    """What was measured of a model."""
    with _of_bundle(store, version) as bundle:
        manifest = bundle.manifest
        judged = last_decision(store, version)
    metrics, calibration = manifest.metrics, manifest.metrics.calibration
    return ModelDetails(
        **_ref(manifest),
        created=manifest.created,
        architecture=manifest.architecture,
        classes=manifest.classes,
        counts=manifest.data.counts,
        test_photos=metrics.test_photos,
        accuracy=metrics.accuracy,
        accuracy_interval=metrics.accuracy_interval,
        per_class={
            label: ClassFigures(
                photos=of.support, precision=of.precision, recall=of.recall, f1=of.f1
            )
            for label, of in metrics.per_class.items()
        },
        confusion=metrics.confusion,
        reliability=[
            ReliabilityBin(**one.model_dump()) for one in (calibration.bins if calibration else [])
        ],
        calibration_error=calibration.ece if calibration else None,
        unsure_below=calibration.unsure_below if calibration else None,
        champion=_champion(metrics),
        verdict=_verdict(judged) if judged else None,
    )


def refused_models(store: Store, limit: int) -> Refusals:
    """What the gate refused, newest first."""
    try:
        found = decision.refusals(store)
    except DandelionError as error:
        raise store_away(str(error)) from None
    refused = []
    for one in found[:limit]:
        try:
            accuracy = open_bundle(store, one.version).manifest.metrics.accuracy
        except DandelionError:  # what the gate said is worth showing all the same
            accuracy = None
        refused.append(
            RefusedModel(
                version=one.version,
                accuracy=accuracy,
                champion=one.champion,
                verdict=_verdict(one),
            )
        )
    return Refusals(refused=refused, total=len(found))


def _champion(metrics: Metrics) -> Comparison | None:
    if metrics.champion_version is None:
        return None
    return Comparison(
        version=metrics.champion_version,
        accuracy=metrics.champion_accuracy,
        gained=metrics.gained,
        lost=metrics.lost,
    )


def _verdict(found: Decision) -> Verdict:
    return Verdict(
        promote=found.promote,
        forced_because=found.forced_because,
        when=found.when,
        criteria=[Criterion(says=one.says, passed=one.passed) for one in found.criteria],
    )


def model_info(live: LiveModel, trouble: str | None) -> ModelInfo:
    """What there is to know of a live model."""
    manifest, release = live.engine.manifest, live.release
    calibration = manifest.metrics.calibration
    return ModelInfo(
        **_ref(manifest),
        classes=manifest.classes,
        architecture=manifest.architecture,
        created=manifest.created,
        size=live.engine.preprocessing.size,
        served_as=live.engine.form,
        served_because=live.engine.because,
        judged_as=manifest.served_as or "fp32",
        accuracy=manifest.metrics.accuracy,
        test_photos=manifest.metrics.test_photos,
        counts=manifest.data.counts,
        unsure_below=calibration.unsure_below if calibration else None,
        neighbours=len(neighbours.labels) if (neighbours := live.engine.neighbours) else 0,
        release=ReleaseInfo(**release.model_dump(include=set(ReleaseInfo.model_fields))),
        trouble=trouble,
    )


def model_ref(manifest: Manifest) -> ModelRef:
    """Which model answers."""
    return ModelRef(**_ref(manifest))


def _ref(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "is_sample": manifest.data.is_sample,
        "data_hash": manifest.data.hash,
        "dagster_run": manifest.dagster_run,
        "mlflow_run": manifest.mlflow_run,
    }
