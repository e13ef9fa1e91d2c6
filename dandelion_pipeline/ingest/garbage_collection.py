"""Photos that no table names, that are missing, or that are damaged."""

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.ingest.intake import IGNORED, REJECTED
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import Damage, Orphan
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import read_table


def orphans(store: Store) -> list[Orphan]:
    """Photos that no table names: left by an ingestion that died before it wrote its table.

    Raises:
        ObjectDamaged: a table cannot be read, so nobody knows what it names.
    """
    photos = store.list_objects(layout.IMAGES)  # before the tables, which name what is kept later
    named = _named(store)
    return [
        Orphan(photo.key, "no table names this photo", (photo,))
        for photo in photos
        if photo.key not in named
    ]


def missing(store: Store) -> list[Damage]:
    """Photos that a table names and that are not there.

    Raises:
        ObjectDamaged: a table cannot be read, so nobody knows what it names.
    """
    named = _named(store)  # before the photos: each is kept before a table names it
    there = {photo.key for photo in store.list_objects(layout.IMAGES)}
    return [Damage(key, "a table names it, and it is missing") for key in sorted(named - there)]


def damaged(store: Store) -> Iterator[Damage | None]:
    """Read every photo: one result for each, None if it is what its name says."""
    photos = store.list_objects(layout.IMAGES)
    return ordered_parallel_map(lambda photo: _damage(store, photo.key), photos)


def _damage(store: Store, key: str) -> Damage | None:
    try:
        data = store.get(key)
    except ObjectDamaged as error:
        return Damage(key, error.why)
    except ObjectNotFound:  # `dandelion store gc` was here
        return None
    whole = layout.image(sha256_hex(data)) == key
    return None if whole else Damage(key, "its bytes have another hash than its name says")


def _named(store: Store) -> set[str]:
    """The keys of all photos that tables name, those of rejected and ignored files aside."""
    keys: set[str] = set()
    for table in chain(_tables(store, layout.PARTS), _tables(store, layout.TABLES)):
        if "sha256" not in table.column_names:
            continue
        hashes = table["sha256"]
        if "status" in table.column_names:
            hashes = hashes.filter(
                pc.invert(pc.is_in(table["status"], pa.array([REJECTED, IGNORED])))
            )
        keys.update(layout.image(sha256) for sha256 in hashes.to_pylist())
    return keys


def _tables(store: Store, prefix: str) -> Iterator[pa.Table]:
    """The tables that are a reason to keep photos.

    Those of unfinished steps come first: if one of them is gone before it is read, its step has
    written the day's table before, which comes later.
    """
    for found in store.list_objects(prefix):
        if found.key.startswith(_NO_REASON):
            continue
        try:
            yield read_table(store, found.key)
        except ObjectNotFound:
            if not found.key.startswith(layout.PARTS):
                raise


_NO_REASON = (layout.EMBEDDINGS, layout.MEASURES)
"""What is kept for a photo that is there."""
