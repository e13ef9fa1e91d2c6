"""A code location that follows Airflow and takes in days, and has nothing that trains."""

import dagster as dg

from dandelion_pipeline.defs.airflow.assets import airflow_sensor, data_ingestion
from dandelion_pipeline.defs.assets.dataset import clean_images
from dandelion_pipeline.defs.assets.embeddings import embeddings
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.automation.jobs import ingestion_job
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.settings import load_settings

_store = StoreResource()

defs = dg.Definitions(
    assets=[data_ingestion, raw_images, clean_images, embeddings],
    jobs=[ingestion_job],
    sensors=[airflow_sensor(load_settings())],
    resources={"store": _store, "tables": TableIOManager(store=_store)},
    executor=dg.in_process_executor,
)
