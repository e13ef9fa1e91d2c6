"""The registry's versions as MLflow loads them: `models:/dandelion@champion`."""

import base64
from pathlib import Path
from typing import Any

import mlflow
import pytest

from dandelion_pipeline.defs.mlflow.bundle_folder import bundle_folder
from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.defs.mlflow.registry import CHAMPION, mirror
from dandelion_pipeline.errors import BundleError, ImageRefused
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, onnx_graph, photo, publish
from dandelion_pipeline_tests.defs.mlflow.registered import three_bundles, versions
from serving.model.engine import Engine

PHOTOS = [photo(YELLOW), photo(GREEN, format="PNG"), photo((150, 150, 90), format="TIFF")]


@pytest.fixture(autouse=True)
def mlflow_as_it_was() -> Any:  # noqa: ANN401
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def champion(settings: Settings) -> Any:  # noqa: ANN401
    """What a user of MLflow gets who knows the model's name alone."""
    mlflow.set_tracking_uri(settings.tracking_uri)
    return mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")


@pytest.mark.parametrize("kind", ["embedded", "served"])
def test_the_champion_answers_as_the_engine_of_the_api_does(
    kind: str, store: Store, request: pytest.FixtureRequest
) -> None:
    settings: Settings = request.getfixturevalue(kind)
    three_bundles(store)
    mirror(settings, store)
    answers = champion(settings).predict(PHOTOS)
    engine = Engine(open_bundle(store, "c-second"))
    for data, answer in zip(PHOTOS, answers, strict=True):
        expected = engine.classify(data)
        assert answer["probabilities"] == pytest.approx(expected, abs=1e-6)
        assert answer["label"] == max(expected, key=lambda label: expected[label])
        assert answer["confidence"] == max(answer["probabilities"].values())
        assert answer["model"] == "c-second"


@pytest.mark.parametrize("name", ["a link", "ä+b #?"])
def test_a_folder_of_any_name_behind_a_server_is_read(
    served: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "real")
    store = open_store((tmp_path / name).as_uri())
    publish(store, "first")
    mirror(served, store)
    assert champion(served).predict(PHOTOS[0])[0]["label"] == "dandelion"


def test_a_photo_is_bytes_or_base64_and_many_come_in_their_order(
    embedded: Settings, folder: Store
) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    model = champion(embedded)
    many = [PHOTOS[number % 2] for number in range(19)]  # more than are inferred at once
    text = [base64.b64encode(data) for data in many]
    labels = [answer["label"] for answer in model.predict(many)]
    assert labels == ["dandelion" if number % 2 == 0 else "grass" for number in range(19)]
    assert model.predict(text) == model.predict(many)


def test_what_is_no_photo_is_refused_and_numbered(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    with pytest.raises(ImageRefused) as refused:
        champion(embedded).predict([PHOTOS[0], b"%PDF-1.7"])
    assert refused.value.__notes__ == ["It is photo 1 of the request, counted from 0."]


def test_a_file_that_was_altered_is_not_loaded(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    folder.put(layout.model_file("first", ONNX_FILE), onnx_graph(flipped=True))
    with pytest.raises(BundleError, match="not what the manifest says"):
        champion(embedded)


def test_a_version_of_before_becomes_loadable_where_it_is(
    embedded: Settings, folder: Store
) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    key = layout.model_file("first", layout.MLMODEL)
    folder.delete(key)  # as an earlier version of the pipeline left it
    assert mirror(embedded, folder).changes == ("MLmodel of first",)
    assert [int(version.version) for version in versions(embedded)] == [1]
    assert champion(embedded).predict(PHOTOS[1])[0]["label"] == "grass"


def test_the_document_names_the_bundle_and_holds_no_code(embedded: Settings, folder: Store) -> None:
    publish(folder, "first")
    mirror(embedded, folder)
    info = champion(embedded).metadata
    assert info.metadata["bundle"] == "first"
    assert info.metadata["manifest_sha256"] == open_bundle(folder, "first").manifest_sha256
    python = info.flavors["python_function"]
    assert {name: python[name] for name in ("loader_module", "data")} == {
        "loader_module": "serving.model.pyfunc",
        "data": ".",
    }
    assert not {"code", "python_model", "model_code_path"} & set(python)


def test_a_source_that_hides_no_folder_is_refused() -> None:
    with pytest.raises(BundleError, match="no folder"):
        bundle_folder("dandelion:/models/first")
