"""A prefix in a bucket, arranged like a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dandelion_pipeline.errors import (
    SettingsError,
    SourceError,
    SourceUnavailable,
    StoreError,
    StoreUnavailable,
)
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.arranged import ArrangedSource, photo_of
from dandelion_pipeline.ingest.sources.entries import MARKER, Entry, Notes
from dandelion_pipeline.ingest.sources.layouts.layout import Options, arrange
from dandelion_pipeline.ingest.sources.layouts.manifests import LARGEST
from dandelion_pipeline.ingest.sources.photo import SourcePhoto
from dandelion_pipeline.ingest.sources.placing import Placed
from dandelion_pipeline.storage.objects import listing
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map

_CONCURRENCY = 8


@dataclass(frozen=True, kw_only=True)
class BucketSource(ArrangedSource):
    """The objects below a prefix, each with its class."""

    store: Store

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"in {self.store.url}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        with _translated():
            for placed, data in ordered_parallel_map(
                self._read, self.placed, concurrency=_CONCURRENCY
            ):
                if isinstance(data, str):
                    self.notes.odd[placed.entry.path] = data
                    continue
                yield photo_of(placed, data)

    def _read(self, placed: Placed) -> tuple[Placed, bytes | str]:
        try:
            return placed, _start(self.store, placed.entry, MAX_BYTES + 1)
        except StoreError as error:  # this object's own fault; that of the place is another error
            return placed, error.why


def open_bucket(url: str, options: Options) -> BucketSource:
    """List a prefix of a bucket.

    Args:
        url: ``s3://bucket/prefix``; endpoint and keys come from the ``AWS_*`` variables.
        options: what is said of it.

    Raises:
        SourceError: there is no such bucket, or nothing to use below the prefix.
        SourceUnavailable: it did not answer.
    """
    notes = Notes()
    with _translated():
        store = open_store(url)
        listed = store.survey("")
    for odd in listed.odd:
        if odd.reason == listing.MARKER:
            notes.ignored[MARKER] += 1
        elif notes.takes(odd.key):
            notes.odd[odd.key] = f"{odd.reason}; rename it"
    placed = arrange(
        [Entry(o.key, o, o.size) for o in listed.objects],
        options,
        notes,
        store.url,
        f"Arrange the photos as {store.url}/<class>/<name>, for 2 classes or more",
        lambda entry: _table(store, entry),
    )
    return BucketSource(placed=placed, keep_splits=options.keep_splits, notes=notes, store=store)


def _start(store: Store, entry: Entry, length: int) -> bytes:
    if (entry.size or 0) < length:
        return store.get(entry.path)
    return store.get_range(entry.path, 0, length)


def _table(store: Store, entry: Entry) -> bytes:
    with _translated():
        return _start(store, entry, LARGEST)


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
