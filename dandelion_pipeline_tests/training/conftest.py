"""One small training, which the tests of this folder only look at."""

import pyarrow as pa
import pytest

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel, fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline_tests.data.small_data_set import TINY


@pytest.fixture(scope="package")
def reported() -> list[EpochMetrics]:
    """What `model` said of each epoch."""
    return []


@pytest.fixture(scope="package")
def model(
    small_store: Store, small_dataset: pa.Table, reported: list[EpochMetrics]
) -> TrainedModel:
    """Made of `small_dataset` with `TINY`."""
    return fit(small_store, small_dataset, TINY, reported.append)
