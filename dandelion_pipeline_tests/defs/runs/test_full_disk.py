from pathlib import Path

import pytest

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.errors import StoreFull
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.defs.assets.test_walk import TINY
from dandelion_pipeline_tests.defs.conftest import DAY, use_home


@pytest.fixture
def pipeline(small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A pipeline whose store lies on a disk that is too small for a ResNet18."""
    use_home(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("DANDELION_STORE_URL", (small_disk / "store").as_uri())
    return Pipeline(load_settings())


def test_a_full_disk_while_publishing_says_so_and_leaves_the_live_model_alone(
    pipeline: Pipeline,
) -> None:
    store = open_store(load_settings().store)
    tiny_models.publish(store, "first")
    sample = SampleSpec(per_class=30, size=(64, 48))
    import_photos(store, open_source("sample", sample=sample), DAY)
    pipeline.ingest(DAY)
    with pytest.raises(StoreFull, match="no space is left") as failure:
        pipeline.train(TINY)
    assert "Free some space" in failure.value.remedy
    assert log.live(store).version == "first"
    assert not [o for o in store.list_objects("models/") if "first" not in o.key]
