"""What the backbone sees in a day's photos is computed once, whatever comes later."""

import dagster as dg
import pytest

from dandelion_pipeline.dataset.labels.suspects import with_label_check
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.defs.assets.dataset import clean_images
from dandelion_pipeline.defs.assets.embeddings import embeddings
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.embeddings import embedding
from dandelion_pipeline.embeddings.backbone import FEATURES, version
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.days import instance_of
from dandelion_pipeline_tests.data.generated_sets import generated

DAY = "2025-05-01"


def ingest(store: Store, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    resource = StoreResource(url=store.url)
    with instance_of(DAY) as instance:
        return dg.materialize(
            [raw_images, clean_images, embeddings],
            selection=[asset.key for asset in assets],
            partition_key=DAY,
            instance=instance,
            resources={"store": resource, "tables": TableIOManager(store=resource)},
        )


def test_a_photo_is_decoded_for_embedding_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label, name, data in generated("few", 20):
        store.put(layout.landing_photo(DAY, label, name), data)
    result = ingest(store, raw_images, clean_images, embeddings)
    (event,) = result.asset_materializations_for_node("embeddings")
    told = {name: value.value for name, value in event.metadata.items()}
    assert (told["backbone"], told["features"], told["embedded_now"]) == (version(), FEATURES, 20)

    decoded: list[bytes] = []
    monkeypatch.setattr(embedding, "pixels_of", lambda data, preprocessing: decoded.append(data))
    again = ingest(store, embeddings).asset_materializations_for_node("embeddings")[0]
    assert again.metadata["embedded_now"].value == 0
    checked = with_label_check(store, all_photos(store))
    assert checked["label_quality"].null_count == 0
    assert decoded == []
