"""The photos of a data set: those of all days, as people want them."""

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.checks import DatasetLimits, require
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, CLEAN_SCHEMA
from dandelion_pipeline.dataset.copies.joined import with_copies
from dandelion_pipeline.dataset.dataset import DatasetInfo
from dandelion_pipeline.dataset.labels.class_names import name_now, renamed, renames
from dandelion_pipeline.dataset.labels.reviews import apply, latest, reviews
from dandelion_pipeline.dataset.settled import previewed
from dandelion_pipeline.ingest.imports import annotations, last_imports
from dandelion_pipeline.ingest.intake import real_labels
from dandelion_pipeline.ingest.source_labels import annotated, follow_sources
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_tables


def reviewed(store: Store, photos: pa.Table, until: str | None = None) -> pa.Table:
    """Photos of `CLEAN_SCHEMA` with the labels that sources and people give them.

    A photo has the label under which its source holds it now; what a person decided about the
    photo comes before that; and last, classes have the names that people gave them.

    Args:
        store: where imports and decisions are kept.
        photos: as of `CLEAN_SCHEMA`.
        until: the last day that counts, ``YYYY-MM-DD`` in UTC: later decisions and imports do not.

    Returns:
        The same columns, and ``user_group`` and ``user_split``, what sources say of each photo.

    Raises:
        ReviewError: a decision cannot be read.
        ObjectDamaged: the record of an import cannot be read.
    """
    imports = last_imports(store, until)
    decided = latest(one for one in reviews(store) if not until or one.when[: len(until)] <= until)
    names = [one for one in renames(store) if not until or one.when[: len(until)] <= until]
    confirmed = {sha256 for sha256, review in decided.items() if review.decision != "drop"}
    photos = follow_sources(photos, imports, confirmed)
    photos = renamed(apply(photos, decided), names)
    return annotated(photos, annotations(imports))


def all_photos(store: Store, until: str | None = None) -> pa.Table:
    """The photos of all days, as `reviewed` gives them; with ``until``, as they were on that day.

    One more column names the rotated and cropped copies that were found, as of `with_copies`.

    Raises:
        ReviewError: a decision cannot be read.
        ObjectDamaged: a table or the record of an import cannot be read.
    """
    last = layout.table(CLEAN_IMAGES, until) if until else None
    found = (o.key for o in store.list_objects(f"{layout.TABLES}{CLEAN_IMAGES}/"))
    keys = [key for key in found if last is None or key <= last]
    photos = read_tables(store, keys) if keys else CLEAN_SCHEMA.empty_table()
    return with_copies(store, reviewed(store, photos, until))


def known_classes(store: Store) -> set[str]:
    """The classes of all photos that were taken in and not generated, as they are called now."""
    photos = all_photos(store)
    labels = set(photos.filter(pc.invert(photos["is_sample"]))["label"].to_pylist())
    decided = renames(store)
    return labels or {name_now(label, decided) for label in real_labels(store)}


def preview_dataset(store: Store, salt: str, limits: DatasetLimits) -> DatasetInfo:
    """What the data set of all clean photos would be, without writing anything.

    Args:
        store: where the photos are kept.
        salt: `DANDELION_SPLIT_SALT`.
        limits: what the data set has to be like.

    Raises:
        DatasetError: the photos do not make a data set.
    """
    made = previewed(store, all_photos(store), salt, limits)
    require(made.findings)
    return made.dataset.info
