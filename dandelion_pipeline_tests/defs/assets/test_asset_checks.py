"""A bad batch stops the graph before it costs a training, and a person can let it in."""

import io

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.dataset.checks import DatasetLimits
from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance, accept
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.dataset.labels.reviews import decide
from dandelion_pipeline.dataset.reviewed import preview_dataset
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.errors import CheckFailed, DatasetError
from dandelion_pipeline.release import log
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import last_table, read_table
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.defs.conftest import Place

FIRST, SECOND, THIRD = "2025-06-01", "2025-06-02", "2025-06-03"
TINY = TrainingConfig(epochs=2, size=32, batch_size=8)


@pytest.fixture
def place(embedded: Settings) -> Place:
    """A fresh home with a good first day."""
    store = open_store(embedded.store)
    land(store, FIRST, brightness=120)
    return Place(embedded, store, Pipeline(embedded))


def noise(seed: int, brightness: int) -> bytes:
    generator = np.random.default_rng(seed)
    pixels = np.clip(generator.normal(brightness, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save(target, "PNG")
    return target.getvalue()


def land(store: Store, day: str, *, brightness: int, labels: str = "ab", each: int = 30) -> None:
    """Photos of noise, none like another."""
    for label in labels:
        for number in range(each):
            seed = int.from_bytes(f"{day}{label}{number}".encode())
            key = layout.landing_photo(day, label, f"{number}.png")
            store.put(key, noise(seed, brightness))


def kept(store: Store, day: str) -> int | None:
    table = last_table(store, layout.table(CLEAN_IMAGES, day))
    return None if table is None else sum(table["keep"].to_pylist())


def last_check(asset: str, name: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    records = dg.DagsterInstance.get().event_log_storage.get_asset_check_execution_history(key, 1)
    assert records[0].event is not None
    evaluation = records[0].event.dagster_event
    assert evaluation is not None
    return evaluation.asset_check_evaluation_data


def word(day: str) -> Acceptance:
    return Acceptance(day=day, who="ann", when="2025-07-01T00:00:00+00:00", why="they are fine")


def test_a_day_of_rejected_files_stops_the_graph_until_somebody_accepts_it(place: Place) -> None:
    for number in range(10):
        place.store.put(layout.landing_photo(SECOND, "a", f"{number}.jpg"), b"no image")
    land(place.store, SECOND, brightness=120, labels="a", each=10)
    with pytest.raises(CheckFailed, match=r"10 of 20 .*rejection_rate 0\.5, allowed is at most"):
        place.pipeline.ingest(SECOND)
    evaluation = last_check("raw_images", "rejection_rate")
    assert (evaluation.passed, evaluation.blocking) == (False, True)
    assert {evaluation.metadata[name].value for name in ("figure", "bound")} == {0.5, 0.2}
    assert kept(place.store, SECOND) is None  # clean_images did not run
    assert waiting_days(place.store) == [FIRST]  # it is not tried again
    accept(place.store, word(SECOND))
    assert waiting_days(place.store) == [FIRST, SECOND]
    place.pipeline.ingest(SECOND)
    evaluation = last_check("raw_images", "rejection_rate")
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.metadata["accepted by"].value == "ann"
    assert kept(place.store, SECOND) == 10
    assert waiting_days(place.store) == [FIRST]


def test_a_day_that_drifts_stays_out_of_the_data_set_and_the_live_model_stays(
    place: Place,
) -> None:
    place.pipeline.ingest(FIRST)
    publish(place.store, "first")
    land(place.store, SECOND, brightness=20)
    with pytest.raises(CheckFailed, match="brightness_drift"):
        place.pipeline.ingest(SECOND)
    assert kept(place.store, SECOND) == 0
    assert waiting_days(place.store) == []
    assert not last_check(CLEAN_IMAGES, "brightness_drift").passed
    assert last_check(CLEAN_IMAGES, "class_share_drift").passed
    assert log.live(place.store).version == "first"
    land(place.store, THIRD, brightness=120)
    place.pipeline.ingest(THIRD)  # is compared with the first day, not with the one that stopped
    assert kept(place.store, THIRD) == 60
    accept(place.store, word(SECOND))
    assert waiting_days(place.store) == [SECOND]
    place.pipeline.ingest(SECOND)
    assert kept(place.store, SECOND) == 60
    assert waiting_days(place.store) == []
    assert place.store.list_objects(layout.PARTS) == []


def test_a_data_set_that_fails_a_check_is_not_trained_on_and_a_small_class_is_a_warning(
    place: Place,
) -> None:
    place.pipeline.ingest(FIRST)
    publish(place.store, "first")
    land(place.store, SECOND, brightness=120, labels="c", each=5)
    place.pipeline.ingest(SECOND)
    grown = preview_dataset(place.store, place.settings.split_salt, DatasetLimits())
    assert grown.classes == ["a", "b", "c"]
    for row in read_table(place.store, layout.table(CLEAN_IMAGES, FIRST)).to_pylist():
        decide(place.store, "drop", row["sha256"], row["label"], who="ann", why="a drawing")
    with pytest.raises(DatasetError, match=r"60 of 65 photos are dropped by a review"):
        place.pipeline.train(TINY)
    assert not last_check("dataset", "classes").passed
    assert last_check("dataset", "smallest_class").severity == dg.AssetCheckSeverity.WARN
    assert log.live(place.store).version == "first"


def test_another_day_reads_no_photo_of_the_days_before(place: Place) -> None:
    place.pipeline.ingest(FIRST)
    for found in place.store.list_objects(layout.IMAGES):
        place.store.delete(found.key)  # whoever reads one fails
    land(place.store, SECOND, brightness=120)
    place.pipeline.ingest(SECOND)
    assert (kept(place.store, FIRST), kept(place.store, SECOND)) == (60, 60)


def test_every_check_is_declared_with_its_asset() -> None:
    declared = {
        (spec.asset_key.to_user_string(), spec.name): spec.blocking
        for asset in defs.resolve_asset_graph().assets_defs
        for spec in asset.check_specs
    }
    assert [name for name, blocking in declared.items() if not blocking] == [
        ("dataset", "smallest_class"),
        ("dataset", "class_imbalance"),
        ("dataset", "classes_left_out"),
        ("dataset", "uneven_splits"),
    ]
    assert {asset for asset, _ in declared} == {
        "raw_images",
        "clean_images",
        "dataset",
        "published_model",
    }
