"""Photos in, a published model out, through the very jobs that the UI starts."""

from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.dataset.dataset import DatasetInfo, build_dataset
from dandelion_pipeline.dataset.reviewed import reviewed
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT
from dandelion_pipeline.errors import TrackingUnavailable, TrainingError
from dandelion_pipeline.evaluation.ancestry import DATASET
from dandelion_pipeline.evaluation.pictures import (
    CONFUSION_MATRIX,
    CURVES,
    GRAD_CAM,
    RELIABILITY,
    WORST_MISTAKES,
)
from dandelion_pipeline.gate.gate import GATE_CHECKS
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, Manifest
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.tables import read_snapshot, read_table
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.fit import fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.defs.conftest import Place
from dandelion_pipeline_tests.defs.test_definitions import WALK
from serving.model.proof import proven_engine

# As short as it can be to beat guessing on the 12 test photos.
TINY = TrainingConfig(
    epochs=6,
    size=48,
    batch_size=8,
    learning_rate=3e-3,
    ema_decay=0.7,
    smallest_crop=1,
    color_jitter=0,
    rotation=0,
    erasing=0,
)


@pytest.fixture(scope="module")
def manifest(place: Place) -> Manifest:
    place.pipeline.ingest(DAY)
    return open_bundle(place.store, place.pipeline.train(TINY)).manifest


def metadata(asset: str) -> dict[str, object]:
    event = dg.DagsterInstance.get().get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None, f"{asset} is not materialised"
    assert event.asset_materialization is not None
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


def data_version(asset: str) -> str:
    """By which Dagster tells whether what is made of it is out of date."""
    event = dg.DagsterInstance.get().get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/data_version_is_user_provided"] == "true"
    assert tags["dagster/code_version"]
    return tags["dagster/data_version"]


INGESTED = ["raw_images", "clean_images", "embeddings"]


def mlflow_runs(place: Place) -> list[Run]:
    client = MlflowClient(place.settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_the_walk_ends_with_a_live_model(place: Place, manifest: Manifest) -> None:
    assert log.live(place.store).version == manifest.version
    assert manifest.data.is_sample
    assert manifest.metrics.test_photos > 0


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("asset", WALK)
def test_every_asset_is_materialised_with_something_to_look_at(asset: str) -> None:
    assert metadata(asset)


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("asset", WALK)
def test_every_materialisation_says_where_it_lies_and_of_which_version_its_data_are(
    asset: str,
) -> None:
    assert str(metadata(asset)["dagster/uri"]).startswith("file://")
    assert data_version(asset)


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("asset", WALK)
def test_no_figure_has_more_decimals_than_people_read(asset: str) -> None:
    values = [value for value in metadata(asset).values() if isinstance(value, float)]
    assert values == [round(value, 4) for value in values]


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("asset", ["raw_images", "clean_images", "dataset", "evaluation"])
def test_the_columns_of_what_was_made_are_listed(asset: str) -> None:
    schema = metadata(asset)["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert "sha256" in {column.name for column in schema.columns}


@pytest.mark.usefixtures("manifest")
def test_the_figures_of_each_class_are_a_table() -> None:
    table = metadata("evaluation")["per_class"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {str(record.data["class"]) for record in table.records} == {"dandelion", "grass"}


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    ("asset", "entry"),
    [
        ("raw_images", "preview"),
        ("dataset", "preview"),
        ("trained_model", "learning_curves"),
        ("evaluation", "confusion_matrix"),
        ("evaluation", "roc_and_precision_recall"),
        ("evaluation", "reliability"),
        ("evaluation", "worst_mistakes"),
        ("evaluation", "grad_cam"),
    ],
)
def test_previews_and_plots_are_inside_the_metadata(asset: str, entry: str) -> None:
    assert "](data:image/" in str(metadata(asset)[entry])


def test_each_file_is_counted_once(manifest: Manifest) -> None:
    counts = metadata("raw_images")
    assert (counts["accepted"], counts["duplicate"], counts["rejected"]) == (60, 0, 0)
    assert sum(sum(splits.values()) for splits in manifest.data.counts.values()) == 60


def test_the_mlflow_run_holds_parameters_curves_and_plots(place: Place, manifest: Manifest) -> None:
    client = MlflowClient(place.settings.tracking_uri)
    run = client.get_run(manifest.mlflow_run)
    assert run.info.status == "FINISHED"
    assert run.data.tags["dagster_run_id"] == manifest.dagster_run
    assert run.data.params["epochs"] == "6"
    history = client.get_metric_history(manifest.mlflow_run, "validation_loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]
    assert run.data.metrics["test_ece"] == manifest.metrics.calibration.ece  # type: ignore[union-attr]
    plots = {file.path for file in client.list_artifacts(manifest.mlflow_run, "plots")}
    drawn = {CONFUSION_MATRIX, CURVES, RELIABILITY, WORST_MISTAKES, GRAD_CAM}
    assert {f"plots/{name}" for name in ("learning_curves.png", *drawn)} <= plots


def test_the_data_report_says_how_near_duplicates_were_told(
    place: Place, manifest: Manifest
) -> None:
    client = MlflowClient(place.settings.tracking_uri)
    page = Path(client.download_artifacts(manifest.mlflow_run, "reports/data_report.html"))
    assert "times as alike as the next photo" in page.read_text()


def test_the_metadata_links_to_the_mlflow_run(manifest: Manifest) -> None:
    assert str(metadata("trained_model")["mlflow_run"]).endswith(f"/runs/{manifest.mlflow_run}")


def test_a_second_intake_of_the_same_day_reads_and_stores_nothing(
    place: Place, manifest: Manifest
) -> None:
    before = [data_version(asset) for asset in INGESTED]
    place.pipeline.ingest(DAY)
    assert [data_version(asset) for asset in INGESTED] == before
    again = metadata("raw_images")
    assert (again["read"], again["stored"], again["accepted"]) == (0, 0, 60)


def test_a_failed_training_closes_its_mlflow_run_as_failed_and_the_live_model_stays(
    place: Place, manifest: Manifest
) -> None:
    hopeless = TINY.model_copy(update={"learning_rate": 1e30, "epochs": 8})
    with pytest.raises(TrainingError, match="no longer a number"):
        place.pipeline.train(hopeless)
    newest = mlflow_runs(place)[0]
    assert newest.info.status == "FAILED"
    assert newest.info.run_id != manifest.mlflow_run
    assert log.live(place.store).version == manifest.version


def test_the_gate_is_shown_with_the_model_and_its_decision_lies_beside_the_bundle(
    place: Place, manifest: Manifest
) -> None:
    table = str(metadata("published_model")["gate"])
    assert all(check in table for check in GATE_CHECKS)
    decision = last_decision(place.store, manifest.version)
    assert decision is not None
    assert decision.promote
    assert decision.dagster_run == manifest.dagster_run


def test_a_model_names_the_snapshot_that_it_was_trained_on(
    place: Place, manifest: Manifest
) -> None:
    snapshot = manifest.data.snapshot
    assert snapshot is not None
    photos = read_snapshot(place.store, DATASET, snapshot)
    assert DatasetInfo.of(photos).hash == manifest.data.hash


def test_a_server_takes_the_model_in_either_precision(place: Place, manifest: Manifest) -> None:
    bundle = open_bundle(place.store, manifest.version)
    assert manifest.golden is not None
    assert proven_engine(bundle, "fp32").graph == ONNX_FILE
    assert proven_engine(bundle, "int8").graph in {INT8_FILE, ONNX_FILE}


def test_the_run_after_a_failed_one_goes_on_from_a_checkpoint_in_an_mlflow_run_of_its_own(
    place: Place, manifest: Manifest
) -> None:
    config = TINY.model_copy(update={"seed": 3})
    photos = reviewed(place.store, read_table(place.store, layout.table(CLEAN_IMAGES, DAY)))

    def fail(row: EpochMetrics) -> None:
        raise TrackingUnavailable("MLflow", "it did not answer", "Start it")

    with pytest.raises(TrackingUnavailable):
        fit(place.store, build_dataset(photos, place.settings.split_salt).used, config, fail)
    second = open_bundle(place.store, place.pipeline.train(config)).manifest
    assert second.data.hash == manifest.data.hash
    assert second.mlflow_run != manifest.mlflow_run
    assert {run.info.status for run in mlflow_runs(place)} == {"FINISHED", "FAILED"}
    events = dg.DagsterInstance.get().all_logs(second.dagster_run)
    assert any("going on after epoch 1/6" in event.message for event in events)
    client = MlflowClient(place.settings.tracking_uri)
    history = client.get_metric_history(second.mlflow_run, "validation_loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]
    assert place.store.list_objects(layout.CHECKPOINTS) == []
