"""What MLflow's registry holds."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import SAMPLE, publish, put_bundle


def ask(settings: Settings) -> MlflowClient:
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def versions(settings: Settings) -> list[ModelVersion]:
    found = ask(settings).search_model_versions(f"name='{NAME}'")
    return sorted(found, key=lambda version: int(version.version))


def bundles(settings: Settings) -> list[str]:
    return [version.tags["bundle"] for version in versions(settings)]


def aliases(settings: Settings) -> dict[str, str]:
    """The bundle by alias."""
    named = {int(version.version): version.tags["bundle"] for version in versions(settings)}
    found = ask(settings).get_registered_model(NAME).aliases
    return {alias: named[int(number)] for alias, number in found.items()}


def three_bundles(store: Store) -> None:
    """The last one is a candidate that is not live."""
    publish(store, "b-first", created="2025-05-01T12:00:00+00:00")
    publish(store, "c-second", created="2025-05-02T12:00:00+00:00")
    put_bundle(store, "a-third", created="2025-05-03T12:00:00+00:00", data=SAMPLE)
