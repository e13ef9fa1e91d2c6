"""An API that starts while the store is away answers with the last model that proved itself."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from dandelion_pipeline.release.golden import GOLDEN_FILE
from dandelion_pipeline.storage.objects.location import S3Options, open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    golden,
    knows_its_photos,
    onnx_graph,
    photo,
    publish,
)
from serving.model.follower import ModelFollower
from serving.model.offline_copy import OfflineCopy

BLUE = (30, 40, 230)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "serving"


@pytest.fixture
def away() -> Store:
    """An S3 endpoint where nothing listens."""
    nothing = S3Options(
        endpoint_url="http://127.0.0.1:9",
        region="us-east-1",
        access_key_id="nobody",
        secret_access_key="nothing",  # noqa: S106  there is nobody to tell it to
        max_attempts=1,
    )
    return open_store("s3://dandelion/store", nothing)


def started(store: Store, folder: Path) -> ModelFollower:
    models = ModelFollower(store, offline_copy=OfflineCopy(folder))
    models.look()
    return models


def version(models: ModelFollower) -> str | None:
    return models.live.release.version if models.live else None


def test_the_last_model_answers_while_the_store_is_away(
    store: Store, away: Store, folder: Path
) -> None:
    publish(store, "first", beside={GOLDEN_FILE: golden().to_bytes()})
    started(store, folder)
    models = started(away, folder)
    assert version(models) == "first"
    assert models.live is not None
    assert models.live.engine.classify(photo())["dandelion"] > 0.9
    assert models.trouble is not None
    assert not models.reachable


def test_the_copy_knows_the_photos_of_training_as_its_bundle_does(
    store: Store, away: Store, folder: Path
) -> None:
    publish(store, "first", **knows_its_photos())
    started(store, folder)
    models = started(away, folder)
    assert models.live is not None
    engine = models.live.engine
    answer = engine.answer(engine.prepare(photo(BLUE)).pixels[np.newaxis])
    assert answer.novelty is not None
    assert answer.novelty[0] > 1
    assert engine.neighbours is not None


def test_only_the_newest_model_is_kept(store: Store, away: Store, folder: Path) -> None:
    publish(store, "first")
    models = started(store, folder)
    publish(store, "second")
    models.look()
    assert version(started(away, folder)) == "second"
    stored = [file.key for file in open_store(folder.as_uri()).list_objects("")]
    assert not [key for key in stored if "first" in key]


def test_when_the_store_comes_back_the_copy_is_what_the_log_names(
    store: Store, tmp_path: Path, folder: Path
) -> None:
    publish(store, "first")
    started(store, folder)
    shutil.move(tmp_path / "store", tmp_path / "elsewhere")
    (tmp_path / "store" / "releases").mkdir(parents=True)
    (tmp_path / "store" / "releases" / "00000001.json").write_text("not what was written")
    models = started(store, folder)
    assert version(models) == "first"
    assert models.trouble is not None
    copy = models.live
    shutil.rmtree(tmp_path / "store")
    shutil.move(tmp_path / "elsewhere", tmp_path / "store")
    models.look()
    assert models.trouble is None
    assert models.live is copy


def test_a_copy_that_was_altered_is_no_model(
    store: Store, away: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, "first")
    started(store, folder)
    (folder / "models" / "first" / "model.onnx").write_bytes(onnx_graph(flipped=True))
    models = started(away, folder)
    assert models.live is None
    assert "The copy of the last model cannot be used" in caplog.text
    assert "not what the manifest says" in caplog.text


def test_without_a_copy_there_is_no_model(away: Store, folder: Path) -> None:
    models = started(away, folder)
    assert models.live is None
    assert models.trouble is not None


def test_a_disk_that_takes_no_copy_takes_no_model_away(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    publish(store, "first")
    with caplog.at_level(logging.WARNING):
        models = started(store, tmp_path / "home" / "serving")
        publish(store, "second")
        models.look()
    assert version(models) == "second"
    assert caplog.text.count("No copy of the model is kept") == 1
