"""The photos of a data set: those of all days, as people want them."""

import pyarrow as pa

from dandelion_pipeline.images.clean import CLEAN_IMAGES, CLEAN_SCHEMA
from dandelion_pipeline.images.groups import with_groups
from dandelion_pipeline.images.reviews import apply, latest, reviews
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import read_tables
from dandelion_pipeline.training.checks import DatasetLimits, require
from dandelion_pipeline.training.dataset import DatasetInfo
from dandelion_pipeline.training.settled import previewed


def reviewed(store: Store, photos: pa.Table) -> pa.Table:
    """Photos of `CLEAN_SCHEMA` with every decision of a person applied."""
    return apply(with_groups(photos), latest(reviews(store)))


def preview_dataset(store: Store, salt: str) -> DatasetInfo:
    """What the data set of all clean photos would be, without writing anything.

    Raises:
        DatasetError: the photos do not make a data set.
    """
    keys = [o.key for o in store.list_objects(f"{layout.TABLES}{CLEAN_IMAGES}/")]
    photos = read_tables(store, keys) if keys else CLEAN_SCHEMA.empty_table()
    made = previewed(store, reviewed(store, photos), salt, DatasetLimits())
    require(made.findings)
    return made.dataset.info
