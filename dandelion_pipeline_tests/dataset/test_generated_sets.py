"""Photos of many kinds, from a folder to a data set; `benchmarks.images.data_sets` trains."""

from pathlib import Path

import pytest

from dandelion_pipeline.dataset.checks import DatasetLimits
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.reviewed import reviewed
from dandelion_pipeline.dataset.settled import previewed
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.generated_sets import KINDS, generate

DAY = "2025-05-01"
SMALL = {"few": None, "one_class_of_3": None, "many_classes": 300, "grey_textures": None}
"""Photos of the kinds that need more or fewer than the others; None for as many as they have."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_honest_set_becomes_a_data_set_with_all_its_classes_in_every_split(
    kind: str, tmp_path: Path
) -> None:
    generate(kind, tmp_path / "photos", SMALL.get(kind, 80))
    store = open_store((tmp_path / "store").as_uri())
    source = open_source(str(tmp_path / "photos"))
    import_photos(store, source, DAY)
    photos = clean(store, take_in(store, DAY, None).table)
    assert set(photos["drop_reason"].to_pylist()) == {""}
    made = previewed(store, reviewed(store, photos), "2026", DatasetLimits())
    assert not made.stops
    assert made.dataset.used.num_rows == source.count
    assert set(made.dataset.info.counts) == set(source.labels)
    assert all(number for row in made.dataset.info.counts.values() for number in row.values())
