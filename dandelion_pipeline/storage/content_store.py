"""Accepted photos: kept once, under the hash of their content, and verified when they are read."""

from collections.abc import Generator, Iterable
from datetime import UTC, datetime, timedelta

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex

FRESH = timedelta(minutes=30)
"""`dandelion store gc` never removes photos that were written more recently than that."""


def keep(store: Store, data: bytes) -> bool:
    """Keep a photo under the hash of its content. True if it was not there before.

    One that has lain there for a while is written again: it may be the leftover of a run that
    died, which `dandelion store gc` would take for rubbish until a table names it, and writing
    it makes it fresh. It also mends a photo that was damaged.
    """
    key = layout.image(sha256_hex(data))
    if store.put_if_absent(key, data):
        return True
    found = store.look_up(key)
    if found is None or datetime.now(UTC) - found.modified > FRESH:
        store.put(key, data)
    return False


def read_photos(store: Store, hashes: Iterable[str]) -> Generator[bytes, None, None]:
    """The photos with these SHA-256 hashes (64 hex digits), in their order.

    Raises:
        ObjectNotFound: one is not there.
        ObjectDamaged: one is not what its hash says.
    """
    for key, data in store.get_many(map(layout.image, hashes)):
        if layout.image(sha256_hex(data)) != key:
            raise damaged(store, key)
        yield data


def damaged(store: Store, key: str) -> ObjectDamaged:
    """The error for a photo that is not what its key says."""
    return ObjectDamaged(
        f"the photo {store.address(key)}",
        "its bytes have another hash than its name says",
        "Drop the same photo into today's landing folder, which mends it, or restore it from a "
        "backup or from the bucket's versions",
    )
