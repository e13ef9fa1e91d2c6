"""Jobs, and the sensors that close MLflow runs."""

import dagster as dg

from dandelion_pipeline.defs.dataset import clean_images, dataset
from dandelion_pipeline.defs.ingest import raw_images
from dandelion_pipeline.defs.release import published_model
from dandelion_pipeline.defs.tracking import MLFLOW_STATUS, close_runs
from dandelion_pipeline.defs.training import evaluation, trained_model
from dandelion_pipeline.settings import load_settings

ingestion_job = dg.define_asset_job(
    "ingestion_job",
    selection=[raw_images, clean_images],
    description="Take in the photos that landed on one day.",
)

training_job = dg.define_asset_job(
    "training_job",
    selection=[dataset, trained_model, evaluation, published_model],
    description="Make a model of all clean photos, and publish it if it is good enough.",
)


def _mlflow_sensor(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=f"mlflow_{status.value.lower()}_sensor",
        run_status=status,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Closes the MLflow run of a Dagster run that ended as {status.value}.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> None:
        for run_id in close_runs(load_settings(), context.dagster_run.run_id, status):
            context.log.info(f"MLflow run {run_id} closed as {status.value}")

    return sensor


mlflow_sensors = [_mlflow_sensor(status) for status in MLFLOW_STATUS]
