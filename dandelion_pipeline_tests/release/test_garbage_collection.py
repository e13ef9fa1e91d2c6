import pytest

from dandelion_pipeline.errors import ReleaseError
from dandelion_pipeline.release import garbage_collection
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish, put_bundle


@pytest.fixture
def models(store: Store) -> Store:
    publish(store, "v1")
    put_bundle(store, "refused")
    publish(store, "v2")
    store.put(layout.model_file("begun", ONNX_FILE), b"a training that died")
    return store


def damages(store: Store, *, reading: bool) -> dict[str, str]:
    versions = garbage_collection.known_versions(store)
    found = list(garbage_collection.damaged(store, versions, reading=reading))
    assert len(found) == len(versions)
    return {damage.name: damage.why for damage in found if damage}


def test_a_model_without_a_manifest_is_an_orphan(models: Store) -> None:
    (orphan,) = garbage_collection.orphans(models)
    assert (orphan.name, orphan.size) == ("models/begun/", len(b"a training that died"))
    assert orphan.needed_if == layout.model_file("begun", layout.MANIFEST)


def test_features_of_trained_models_are_orphans_and_those_of_a_backbone_are_not(
    models: Store,
) -> None:
    for version in ("v1", "refused", "untrained-1", "efficientnet-lite0-57934424-0"):
        models.put(layout.embeddings(version, "2025-05-01"), b"features")
    names = [orphan.name for orphan in garbage_collection.outdated_embeddings(models)]
    assert names == [
        layout.embeddings(version, "2025-05-01") for version in ("refused", "untrained-1", "v1")
    ]


def test_finished_and_released_models_are_known(models: Store) -> None:
    assert garbage_collection.known_versions(models) == ["refused", "v1", "v2"]
    assert damages(models, reading=True) == {}


def test_a_released_model_that_lost_its_manifest_is_damaged_and_no_orphan(models: Store) -> None:
    models.delete(layout.model_file("v1", layout.MANIFEST))
    assert [orphan.name for orphan in garbage_collection.orphans(models)] == ["models/begun/"]
    assert damages(models, reading=False).keys() == {"models/v1/"}


def test_a_missing_file_shows_without_reading(models: Store) -> None:
    models.delete(layout.model_file("refused", ONNX_FILE))
    found = damages(models, reading=False)
    assert found == {"models/refused/": f"missing or of another size: {ONNX_FILE}"}


def test_an_altered_file_shows_when_it_is_read(models: Store) -> None:
    key = layout.model_file("v2", ONNX_FILE)
    models.put(key, models.get(key)[:-1] + b"?")
    assert damages(models, reading=False) == {}
    assert "not what the manifest says" in damages(models, reading=True)["models/v2/"]


def test_a_manifest_that_is_not_what_was_released_is_damage(models: Store) -> None:
    other = put_bundle(models, "other", temperature=2.0).manifest
    changed = other.model_copy(update={"version": "v1"})
    models.put(layout.model_file("v1", layout.MANIFEST), changed.to_json())
    assert "not what was released" in damages(models, reading=False)["models/v1/"]


def test_with_a_broken_log_nothing_is_called_an_orphan(models: Store) -> None:
    models.put(layout.release(1), b"broken")
    with pytest.raises(ReleaseError):
        garbage_collection.orphans(models)
