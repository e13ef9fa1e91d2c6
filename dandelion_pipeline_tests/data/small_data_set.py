"""A small store of generated photos, and the data set that is made of them."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.dataset import build_dataset
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Model, TrainingConfig

if TYPE_CHECKING:
    from dandelion_pipeline.training.fit import TrainedModel

DAY = "2025-05-01"
TINY = TrainingConfig(epochs=2, size=32, batch_size=16)
TRANSFER = TrainingConfig(model=Model.TRANSFER, device="cpu")


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Sixty generated photos, taken in; tests only read it."""
    store = open_store((tmp_path_factory.mktemp("photos") / "store").as_uri())
    sample = SampleSpec(per_class=30, size=(64, 48))
    import_photos(store, open_source("sample", sample=sample), DAY)
    return store


@pytest.fixture(scope="session")
def small_dataset(small_store: Store) -> pa.Table:
    """The data set of `small_store`."""
    return build_dataset(clean(small_store, take_in(small_store, DAY, None).table), "salt").used


@pytest.fixture(scope="session")
def transfer_model(small_store: Store, small_dataset: pa.Table) -> "TrainedModel":
    """What is learnt of `small_dataset` on the pretrained backbone."""
    # Tests that train nothing do without torch.
    from dandelion_pipeline.training.transfer.fit import fit_transfer  # noqa: PLC0415

    return fit_transfer(small_store, small_dataset, TRANSFER)
