from pathlib import Path

import pytest

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.errors import StoreFull
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.defs.assets.test_walk import TINY
from dandelion_pipeline_tests.defs.conftest import land_again


@pytest.fixture
def pipeline(small_disk: Path, embedded: Settings, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A pipeline whose store lies on a disk that is too small for a ResNet18."""
    monkeypatch.setenv("DANDELION_STORE_URL", (small_disk / "store").as_uri())
    return Pipeline(load_settings())


def test_a_full_disk_while_publishing_says_so_and_leaves_the_live_model_alone(
    pipeline: Pipeline, small_store: Store
) -> None:
    store = open_store(load_settings().store)
    tiny_models.publish(store, "first")
    land_again(small_store, store)
    pipeline.ingest(DAY)
    with pytest.raises(StoreFull, match="no space is left") as failure:
        pipeline.train(TINY)
    assert "Free some space" in failure.value.remedy
    assert log.live(store).version == "first"
    assert not [o for o in store.list_objects("models/") if "first" not in o.key]
