"""A prefix in a bucket, with one level of keys for the class."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dandelion_pipeline.errors import (
    SettingsError,
    SourceError,
    SourceUnavailable,
    StoreError,
    StoreUnavailable,
)
from dandelion_pipeline.images.decode import MAX_BYTES
from dandelion_pipeline.images.sources.photo import SourcePhoto, chosen_classes, safe_name
from dandelion_pipeline.storage.ahead import run_ahead
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store, StoredObject

_CONCURRENCY = 8


@dataclass(frozen=True)
class BucketSource:
    """The objects below ``<prefix>/<class>/``."""

    store: Store
    labels: tuple[str, ...]
    objects: tuple[StoredObject, ...]

    @property
    def count(self) -> int:
        """The number of objects."""
        return len(self.objects)

    def describe(self) -> str:
        """What this is, for people."""
        return f"{self.count} objects of {', '.join(self.labels)} in {self.store.url}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        with _translated():
            yield from run_ahead(self._read, self.objects, concurrency=_CONCURRENCY)

    def _read(self, found: StoredObject) -> SourcePhoto:
        label, _, name = found.key.partition("/")
        data = (
            self.store.get(found.key)
            if found.size <= MAX_BYTES
            else self.store.get_start(found.key, MAX_BYTES + 1)
        )
        return SourcePhoto(label, safe_name(name), data)


def open_bucket(url: str, labels: Sequence[str], known: Collection[str] = ()) -> BucketSource:
    """List a prefix of a bucket.

    Args:
        url: ``s3://bucket/prefix``; endpoint and keys come from the ``AWS_*`` variables.
        labels: the classes to take; empty for all.
        known: classes whose photos the store has already.

    Raises:
        SourceError: there is no such bucket, or nothing to use below the prefix.
        SourceUnavailable: it did not answer.
    """
    with _translated():
        store = open_store(url)
        found = [o for o in store.list_objects("") if not _is_hidden(o.key)]
    filed = [o for o in found if "/" in o.key]
    remedy = f"Arrange the photos as {store.url}/<class>/<name>, for 2 classes or more"
    if found and not filed:
        raise SourceError(store.url, "its objects lie side by side, without a class", remedy)
    counts = Counter(o.key.partition("/")[0] for o in filed)
    classes = chosen_classes(counts, labels, store.url, remedy, known)
    chosen = tuple(o for o in filed if o.key.partition("/")[0] in classes)
    return BucketSource(store, classes, chosen)


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


@contextmanager
def _translated() -> Iterator[None]:
    """The store's errors as a source's: here the store is not the product's own."""
    try:
        yield
    except (StoreError, SettingsError) as error:
        raise SourceError(error.what, error.why, _REMEDY) from None
    except StoreUnavailable as error:
        raise SourceUnavailable(error.what, error.why, _REMEDY) from None


_REMEDY = (
    "Check the source's s3:// address, and AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
