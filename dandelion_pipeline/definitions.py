"""The composition root: everything that Dagster loads, and nothing else."""

import dagster as dg

from dandelion_pipeline.defs.airflow.assets import airflow_sensor, data_ingestion
from dandelion_pipeline.defs.assets.dataset import clean_images, dataset
from dandelion_pipeline.defs.assets.embeddings import embeddings
from dandelion_pipeline.defs.assets.feedback import feedback
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.assets.release import published_model
from dandelion_pipeline.defs.assets.training import evaluation, trained_model
from dandelion_pipeline.defs.attributes import described
from dandelion_pipeline.defs.automation.jobs import (
    feedback_job,
    ingestion_job,
    schedules,
    training_job,
)
from dandelion_pipeline.defs.automation.maintenance import maintenance_job, maintenance_schedules
from dandelion_pipeline.defs.automation.sensors import sensors
from dandelion_pipeline.defs.console import console
from dandelion_pipeline.defs.io_managers import ModelIOManager, TableIOManager
from dandelion_pipeline.defs.mlflow.open_runs import open_runs_sensor
from dandelion_pipeline.defs.mlflow.tracking import mlflow_tracking
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.check_warnings import warning_sensor
from dandelion_pipeline.defs.runs.executor import one_at_a_time_executor
from dandelion_pipeline.defs.runs.health import health_sensor
from dandelion_pipeline.defs.runs.lost_runs import lost_runs_sensor
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.records.tables import give_memory_back

give_memory_back()
_settings = load_settings()
_store = StoreResource()

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        lambda spec: described(spec, _settings),
        [
            data_ingestion,
            raw_images,
            feedback,
            clean_images,
            embeddings,
            dataset,
            trained_model,
            evaluation,
            published_model,
        ],
    ),
    jobs=[ingestion_job, feedback_job, training_job, maintenance_job],
    schedules=[*schedules(_settings), *maintenance_schedules(_settings)],
    sensors=[
        *sensors(_settings),
        airflow_sensor(_settings),
        lost_runs_sensor,
        open_runs_sensor(_settings),
        warning_sensor(_settings),
        health_sensor(_settings),
    ],
    resources={
        "store": _store,
        "tables": TableIOManager(store=_store),
        "models": ModelIOManager(store=_store),
        "mlflow": mlflow_tracking,
    },
    loggers={"console": console},
    executor=one_at_a_time_executor,
)
