"""Rotated and cropped copies on their way through the assets."""

import io
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from benchmarks.images.alterations import rotated
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.defs.assets.dataset import clean_images, dataset
from dandelion_pipeline.defs.assets.embeddings import embeddings
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.days import instance_of
from dandelion_pipeline_tests.data.generated_sets import generated

DAY = "2025-05-01"


def test_a_rotated_copy_is_joined_listed_and_explained(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    for label, name, data in generated("few", 24):
        store.put(layout.landing_photo(DAY, label, name), data)
    file = io.BytesIO()
    rotated(Image.open(io.BytesIO(data)), 7).save(file, "PNG")
    store.put(layout.landing_photo(DAY, label, "rotated.png"), file.getvalue())
    resource = StoreResource(url=store.url)
    resources = {"store": resource, "tables": TableIOManager(store=resource)}
    assets = [raw_images, clean_images, embeddings, dataset]
    daily = [asset.key for asset in assets[:-1]]
    with instance_of(DAY) as instance:
        dg.materialize(
            assets, resources=resources, partition_key=DAY, selection=daily, instance=instance
        )
        result = dg.materialize(assets, resources=resources, selection=[dataset.key])
    (event,) = result.asset_materializations_for_node("dataset")
    copies = event.metadata["copies"]
    assert isinstance(copies, dg.TableMetadataValue)
    assert len(copies.records) == 1
    photos = all_photos(store)
    joined = photos.filter(pc.is_in(photos["name"], pa.array([name, "rotated.png"])))
    assert len(set(joined["copies"].to_pylist())) == 1
    used = result.output_for_node("dataset")
    rows = used.filter(pc.is_in(used["sha256"], joined["sha256"].combine_chunks()))
    assert rows.num_rows == 2
    assert len(set(rows["split"].to_pylist())) == len(set(rows["group"].to_pylist())) == 1
    report = store.get(store.list_objects(layout.REPORTS)[0].key).decode()
    assert "2 photos in 1 groups were joined because they are rotated or cropped copies" in report
