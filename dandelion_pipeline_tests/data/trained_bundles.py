"""Bundles of models that were trained, as the gate would write them."""

from collections.abc import Mapping

from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline_tests.data import tiny_models

_SAME = ("fp32", "int8", "golden", "ood", "served_as", "served_because", "temperature")
_OF_RECORD = ("architecture", "classes", "data", "temperatures", *_SAME)


def put_trained(
    store: Store, model: TrainedModel, version: str, changed: Mapping[str, bytes] | None = None
) -> Bundle:
    """Write the bundle of a trained model, with some of its files changed."""
    files = {**model.files, **(changed or {})}
    bundle.put_files(store, version, files)
    record = model.record
    known = {name: getattr(record, name) for name in _OF_RECORD}
    preprocessing = record.preprocessing.model_dump(mode="json")
    written = tiny_models.manifest(version, files, preprocessing=preprocessing, **known)
    return bundle.finish(store, written)


def publish_trained(store: Store, model: TrainedModel, version: str) -> None:
    """Make it live."""
    promote(put_trained(store, model, version), who="a test", why="it is being tested")
