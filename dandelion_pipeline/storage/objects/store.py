"""One interface over a local folder and S3, on obstore.

Create-if-absent (`Store.put_if_absent`) is the only synchronisation that the product
relies on; every store that we support has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound, StoreDenied, StoreError
from dandelion_pipeline.storage.objects.failures import KeyTaken, translated
from dandelion_pipeline.storage.objects.listing import (
    Listed,
    StoredObject,
    folders_below,
    list_below,
)
from dandelion_pipeline.storage.objects.retries import MAX_ATTEMPTS, persistent
from dandelion_pipeline.storage.prefetch import ByteBudget, ordered_parallel_map

if TYPE_CHECKING:  # obstore has it for type checkers alone
    from obstore import Attributes, GetResult
    from obstore.store import LocalStore, ObjectStore

__all__ = ["HUGE", "LARGE", "Backends", "Store", "StoredObject", "sha256_hex"]

LARGE = 256 * 2**10
HUGE = 8 * 2**20
"""Uploads from these sizes on (bytes) are given more time to be acknowledged."""

_CHECKSUM = "sha256"  # on S3: the header x-amz-meta-sha256


@dataclass(frozen=True)
class Backends:
    """One place, opened with the timeouts of different requests."""

    usual: ObjectStore
    contended: ObjectStore
    large: ObjectStore
    huge: ObjectStore
    keeps_checksums: bool
    """Whether an object may carry attributes, and so the SHA-256 of what was written."""

    @classmethod
    def one(cls, backend: LocalStore) -> Backends:
        """A folder, which needs no timeouts."""
        return cls(backend, backend, backend, backend, keeps_checksums=False)

    def for_upload(self, size: int, *, contended: bool = False) -> ObjectStore:
        """The backend for an upload of so many bytes.

        Those that lose a race for a key may have to wait until the server says so: up to 7
        seconds for 16 writers on SeaweedFS.
        """
        if size >= HUGE:
            return self.huge
        if size >= LARGE:
            return self.large
        return self.contended if contended else self.usual


class Store:
    """Bytes under keys. Keys are relative, with ``/`` between their parts.

    What may succeed later raises `StoreUnavailable`; it was tried several times before. On S3,
    objects carry their SHA-256, which the server checks on their way in and we on their way out.
    The bulk calls (``…_many``) take any number of keys, have at most `CONCURRENCY` requests
    and some `MEMORY` bytes under way, and yield as they go, in the order of the keys: whoever
    iterates sees the progress.
    """

    def __init__(self, backends: Backends, url: str, max_attempts: int = MAX_ATTEMPTS) -> None:
        self._backends = backends
        self.url = url.rstrip("/")
        self.max_attempts = max_attempts

    def address(self, key: str) -> str:
        """The full URL of a key, for people to read."""
        return f"{self.url}/{key}"

    @persistent
    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what the key held; readers see the old or the new."""
        backend = self._backends.for_upload(len(data))
        with translated("write", key, self.url):
            obstore.put(backend, key, data, use_multipart=False, attributes=self._attributes(data))

    @persistent
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless the key is taken. True if this call wrote it.

        Of many writers at once, at most one is told True. None is, if the server's answer to
        the one that wrote was lost and the request was tried again: who must know reads back.
        """
        backend = self._backends.for_upload(len(data), contended=True)
        attributes = self._attributes(data)
        try:
            with translated("write", key, self.url):
                obstore.put(
                    backend, key, data, mode="create", use_multipart=False, attributes=attributes
                )
        except KeyTaken:
            return False
        return True

    def put_many(
        self, objects: Iterable[tuple[str, bytes]], *, if_absent: bool = False
    ) -> Iterator[tuple[str, bool]]:
        """Write many objects; each key comes back with whether this call wrote it.

        Args:
            objects: keys and bytes, pulled as they are needed.
            if_absent: leave keys alone that are taken.
        """

        def write(item: tuple[str, bytes]) -> tuple[str, bool]:
            key, data = item
            if if_absent:
                return key, self.put_if_absent(key, data)
            self.put(key, data)
            return key, True

        return ordered_parallel_map(write, objects, size_of=lambda item: len(item[1]))

    @persistent
    def get(self, key: str) -> bytes:
        """The bytes of an object.

        Raises:
            ObjectNotFound: no object has this key.
            ObjectDamaged: they are not what was written.
        """
        with translated("read", key, self.url):
            return self._checked(key, obstore.get(self._backends.usual, key))

    @persistent
    def get_range(self, key: str, start: int, end: int) -> bytes:
        """The bytes of an object from one position up to another, both of which it has.

        Raises:
            ObjectNotFound: no object has this key.
        """
        with translated("read", key, self.url):
            return bytes(obstore.get_range(self._backends.usual, key, start=start, end=end))

    def get_many(self, keys: Iterable[str]) -> Generator[tuple[str, bytes], None, None]:
        """Read many objects, in the order of their keys.

        Raises:
            ObjectNotFound: one of them does not exist.
            ObjectDamaged: one of them is not what was written.
        """
        results = self._prefetch(keys, forgiving=False)
        with closing(results):
            for key, data in results:
                if isinstance(data, StoreError):
                    raise data
                yield key, data

    def _prefetch(
        self, keys: Iterable[str], *, forgiving: bool
    ) -> Generator[tuple[str, bytes | StoreError], None, None]:
        budget = ByteBudget()
        largest = 0

        def read(key: str) -> tuple[str, bytes | StoreError | None]:
            try:
                return key, self._get_if_it_fits(key, budget)
            except StoreError as error:
                if forgiving:
                    return key, error
                raise

        # Objects are taken to be as large as the largest so far. Those that do not fit all the
        # same are read when their turn comes; no thread ever waits for room.
        results = ordered_parallel_map(read, keys, size_of=lambda key: largest)
        with closing(results):
            for key, data in results:
                if isinstance(data, StoreError):
                    yield key, data
                    continue
                if data is None:
                    data = self.get(key)  # noqa: PLW2901
                else:
                    budget.leave(len(data))
                largest = max(largest, len(data))
                yield key, data

    def read_many(
        self, keys: Iterable[str]
    ) -> Generator[tuple[str, bytes | StoreError], None, None]:
        """Read many objects, in the order of their keys; one that cannot be read stops no other.

        Its error comes in place of its bytes, where it is the object's own (it is gone, damaged
        or denied).

        Raises:
            StoreUnavailable: the store did not answer.
        """
        return self._prefetch(keys, forgiving=True)

    def exists(self, key: str) -> bool:
        """Whether an object has this key."""
        return self.look_up(key) is not None

    @persistent
    def look_up(self, key: str) -> StoredObject | None:
        """What a listing would say of a key, or None if no object has it."""
        try:
            with translated("look up", key, self.url):
                found = obstore.head(self._backends.usual, key)
        except ObjectNotFound:
            return None
        return StoredObject(key, found["size"], found["last_modified"])

    def list_objects(self, prefix: str) -> list[StoredObject]:
        """The objects below a prefix that ends in ``/`` (or all, for ``""``), by key.

        A prefix that holds nothing gives an empty list. Folder markers and objects with names
        that are no keys are left out; `survey` tells of them.

        Raises:
            StoreDenied: part of what lies there cannot be seen.
        """
        listed = self.survey(prefix)
        if listed.denied:
            raise StoreDenied(
                f"could not list {self.address(listed.denied[0].key)}",
                "the folder does not allow it",
                "Check its owner and permissions",
            )
        return listed.objects

    @persistent
    def survey(self, prefix: str) -> Listed:
        """The objects below a prefix, and all that is odd there. Nothing odd stops it."""
        with translated("list", prefix, self.url):
            return list_below(self._backends.usual, self.url, prefix)

    @persistent
    def folders(self, prefix: str) -> list[str]:
        """The names of what lies right below a prefix that ends in ``/`` and holds objects."""
        with translated("list", prefix, self.url):
            return folders_below(self._backends.usual, self.url, prefix)

    @persistent
    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is fine."""
        try:
            with translated("delete", key, self.url):
                obstore.delete(self._backends.usual, key)
        except ObjectNotFound:
            return

    @persistent
    def _get_if_it_fits(self, key: str, budget: ByteBudget) -> bytes | None:
        with translated("read", key, self.url):
            answer = obstore.get(self._backends.usual, key)
            size = answer.meta["size"]
            if not budget.enter(size):
                return None
            try:
                return self._checked(key, answer)
            except BaseException:
                budget.leave(size)
                raise

    def _attributes(self, data: bytes) -> Attributes | None:
        return {_CHECKSUM: sha256_hex(data)} if self._backends.keeps_checksums else None

    def _checked(self, key: str, answer: GetResult) -> bytes:
        data = bytes(answer.bytes())
        expected = answer.attributes.get(_CHECKSUM)  # what others wrote has none
        if expected is not None and expected != sha256_hex(data):
            raise ObjectDamaged(
                f"could not read {self.address(key)}",
                "what came is not what was written",
                "Try again; if it stays so, restore it from a backup or the bucket's versions",
            )
        return data


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of some bytes (FIPS 180-4), as 64 hex digits: how content is named here."""
    return hashlib.sha256(data).hexdigest()
