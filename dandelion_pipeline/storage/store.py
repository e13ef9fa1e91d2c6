"""One interface over a local folder and S3, on obstore.

Create-if-absent (`Store.put_if_absent`) is the only synchronisation that the product
relies on; every store that we support has it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions as refused
from obstore.store import LocalStore, S3Store

from dandelion_pipeline.errors import (
    ObjectNotFound,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

if TYPE_CHECKING:  # obstore has these for type checkers alone
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

CONCURRENCY = 16
_S3_CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=30),
}
_S3_RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True)
class StoredObject:
    """One row of a listing: key, size in bytes, time of the last write (UTC)."""

    key: str
    size: int
    modified: datetime


class Store:
    """Bytes under keys. Keys are relative, with ``/`` between their parts."""

    def __init__(self, backend: ObjectStore, url: str) -> None:
        self._backend = backend
        self.url = url.rstrip("/")

    def address(self, key: str) -> str:
        """The full URL of a key, for people to read."""
        return f"{self.url}/{key}"

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what the key held; readers see the old or the new."""
        with self._translated("write", key):
            obstore.put(self._backend, key, data, use_multipart=False)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless the key is taken. True if this call wrote it.

        Of many writers at once, exactly one is told True.
        """
        try:
            with self._translated("write", key):
                obstore.put(self._backend, key, data, mode="create", use_multipart=False)
        except _AlreadyExists:
            return False
        return True

    def get(self, key: str) -> bytes:
        """The bytes of an object.

        Raises:
            ObjectNotFound: no object has this key.
        """
        with self._translated("read", key):
            return bytes(obstore.get(self._backend, key).bytes())

    def get_start(self, key: str, length: int) -> bytes:
        """The first bytes of an object that has at least so many.

        Raises:
            ObjectNotFound: no object has this key.
        """
        with self._translated("read", key):
            return bytes(obstore.get_range(self._backend, key, start=0, length=length))

    def exists(self, key: str) -> bool:
        """Whether an object has this key."""
        try:
            with self._translated("look up", key):
                obstore.head(self._backend, key)
        except ObjectNotFound:
            return False
        return True

    def list_objects(self, prefix: str) -> list[StoredObject]:
        """The objects below a prefix that ends in ``/`` (or all, for ``""``), by key.

        A prefix that holds nothing gives an empty list.
        """
        found: list[StoredObject] = []
        with self._translated("list", prefix):
            for page in obstore.list(self._backend, prefix.rstrip("/") or None):
                found += [StoredObject(o["path"], o["size"], o["last_modified"]) for o in page]
        return sorted(found, key=lambda o: o.key)

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Objects in the order of their keys, `CONCURRENCY` requests and results ahead at most."""
        keys = list(keys)
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            for start in range(0, len(keys), CONCURRENCY):
                block = keys[start : start + CONCURRENCY]
                yield from zip(block, pool.map(self.get, block), strict=True)

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        """obstore's errors as ours, each naming the object and the remedy."""
        what = f"could not {verb} {self.address(key)}"
        if not _KEY.fullmatch(key):
            raise _bad_key(what)
        try:
            yield
        except (FileNotFoundError, refused.NotFoundError) as error:
            if "NoSuchBucket" in str(error):
                raise _no_bucket(what, self.url) from None
            raise ObjectNotFound(what, "there is no such object", "Check the key") from None
        except refused.AlreadyExistsError:
            raise _AlreadyExists(what, "the key is taken", "Choose another key") from None
        except (refused.PermissionDeniedError, refused.UnauthenticatedError) as error:
            raise _denied(what, error) from None
        except (refused.BaseError, OSError) as error:
            if "NoSuchBucket" in str(error):  # listing knows no NotFoundError
                raise _no_bucket(what, self.url) from None
            raise _other(what, error) from None


# What a local folder and every S3 server can hold: no empty, "." or ".." part, no control
# character or backslash, and no "#1" at the end, by which obstore knows its unfinished files.
_KEY = re.compile(r"(?!.*#\d+(/|$))((?!\.\.?(/|$))[^/\\\x00-\x1f\x7f]+(/(?!$)|/?$))*")


class _AlreadyExists(StoreError):
    """Never leaves this module: `Store.put_if_absent` answers False instead."""


def _bad_key(what: str) -> StoreError:
    return StoreError(
        what,
        "this is no key: a part is empty or of dots alone, has a control character or a "
        "backslash, or ends in # and digits",
        "Choose another name",
    )


def _denied(what: str, error: Exception) -> StoreDenied:
    return StoreDenied(
        what,
        f"the store does not allow it ({_first_line(error)})",
        "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy, "
        "or for a folder its owner and permissions",
    )


def _no_bucket(what: str, url: str) -> StoreError:
    bucket = urlsplit(url).netloc
    return StoreError(
        what, f"there is no bucket {bucket}", "Create it, or correct DANDELION_STORE_URL"
    )


def _other(what: str, error: Exception) -> StoreError | StoreUnavailable:
    text = str(error)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return StoreFull(
            what,
            "no space is left there",
            "Free some space, or point DANDELION_STORE_URL somewhere else, and run again; "
            "nothing half-written is ever read",
        )
    if os.strerror(errno.EACCES) in text or os.strerror(errno.EROFS) in text:
        return _denied(what, error)
    if any(os.strerror(code) in text for code in _IMPOSSIBLE):
        return StoreError(
            what, f"the folder cannot hold it ({_first_line(error)})", "Choose another name"
        )
    if "403 Forbidden" in text or "AccessDenied" in text or "InvalidAccessKeyId" in text:
        return _denied(what, error)
    return StoreUnavailable(
        what,
        f"the store did not answer as it should ({_first_line(error)})",
        "Check that it runs and that AWS_ENDPOINT_URL and DANDELION_STORE_URL are right",
    )


_IMPOSSIBLE = (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return re.sub(r"\s+", " ", line)[:300]


def open_store(url: str) -> Store:
    """Open the store that a URL names. Opening reads and writes nothing on S3.

    Args:
        url: ``file:///folder`` (made if it is missing) or ``s3://bucket/prefix``; S3's
            endpoint, region and keys come from the standard ``AWS_*`` variables.

    Raises:
        SettingsError: the URL is of another form, the folder cannot be made, or an
            endpoint has no keys.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path and parts.netloc in ("", "localhost"):
        return Store(_local_folder(Path(unquote(parts.path))), url)
    if parts.scheme == "s3" and parts.netloc:
        _check_keys(url)
        backend = S3Store(
            parts.netloc,
            prefix=unquote(parts.path).strip("/") or None,
            client_options={**_S3_CLIENT, "allow_http": _plain_http()},
            retry_config=_S3_RETRIES,
        )
        return Store(backend, url)
    raise SettingsError(
        f"the store's URL {url!r}",
        "it is neither file:///folder nor s3://bucket/prefix",
        "Correct DANDELION_STORE_URL",
    )


def _check_keys(url: str) -> None:
    """Without keys, obstore would ask Amazon's metadata service, and hang where there is none."""
    environment = os.environ
    if environment.get("AWS_ENDPOINT_URL") and not environment.get("AWS_SKIP_SIGNATURE"):
        missing = [name for name in _KEYS if not environment.get(name)]
        if missing:
            raise SettingsError(
                f"the store {url} at {environment['AWS_ENDPOINT_URL']}",
                f"{' and '.join(missing)} not set",
                "Set both keys; for a server that asks for none, set AWS_SKIP_SIGNATURE=true",
            )


_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _plain_http() -> bool:
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


def _local_folder(folder: Path) -> LocalStore:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    except OSError as error:
        raise SettingsError(
            f"the store's folder {folder}",
            f"it cannot be used ({error.strerror})",
            "Correct DANDELION_STORE_URL or DANDELION_HOME, or the folder's permissions",
        ) from None


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of some bytes (FIPS 180-4), as 64 hex digits: how content is named here."""
    return hashlib.sha256(data).hexdigest()
