"""Listings that go on past odd names: each is reported, and none hides the objects beside it.

obstore gives a page of a listing up for one name that it cannot read. The objects are then listed
anew, a folder by walking it and a bucket by boto3, which know more names.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions as refused
from obstore.store import S3Store

from dandelion_pipeline.storage.objects.failures import ODD_NAME, is_key

if TYPE_CHECKING:  # obstore has it for type checkers alone
    from obstore.store import ObjectStore

MARKER = "folder marker"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
BAD_NAME = "bad name"
DENIED = "permission denied"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One row of a listing: key, size in bytes, time of the last write (UTC)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class OddObject:
    """Something below a prefix that is no object like the others."""

    key: str
    reason: str
    """`MARKER`, `BAD_NAME`, `DENIED`, or what else is wrong with it."""

    size: int = 0
    modified: datetime = _NEVER


@dataclass(frozen=True)
class Listed:
    """What lies below a prefix."""

    objects: list[StoredObject] = field(default_factory=list)
    odd: list[OddObject] = field(default_factory=list)

    @property
    def denied(self) -> list[OddObject]:
        """Folders that could not be looked into: what they hold is not known."""
        return [one for one in self.odd if one.reason == DENIED]


def list_below(backend: ObjectStore, url: str, prefix: str) -> Listed:
    """The objects below a prefix and what is odd there, by key.

    Folder markers, which S3 clients put where a folder should be (an empty object whose key ends
    in ``/``), are odd, and so are empty objects that have objects below them.

    Raises:
        obstore's errors and OSError: the place itself cannot be listed.
    """
    try:
        found = [
            StoredObject(o["path"], o["size"], o["last_modified"])
            for page in obstore.list(backend, prefix.rstrip("/") or None)
            for o in page
        ]
    except FileNotFoundError:
        raise
    except (refused.BaseError, OSError) as error:
        again = _list_again(backend, url, prefix, error)
        found, odd = again.objects, again.odd
    else:
        odd = []
    return _sorted_out(found, odd, prefix)


def folders_below(backend: ObjectStore, url: str, prefix: str) -> list[str]:
    """The names of the folders right below a prefix, in order; one request, whatever they hold.

    Raises:
        obstore's errors and OSError: the place itself cannot be listed.
    """
    try:
        found = obstore.list_with_delimiter(backend, prefix.rstrip("/"))["common_prefixes"]
    except (refused.BaseError, OSError) as error:  # an odd name, perhaps
        again = _list_again(backend, url, prefix, error)
        keys = [o.key for o in again.objects] + [o.key for o in again.odd]
        found = [key[: key.index("/", len(prefix))] for key in keys if "/" in key[len(prefix) :]]
    return sorted({path.rstrip("/").removeprefix(prefix) for path in found})


def _sorted_out(found: list[StoredObject], odd: list[OddObject], prefix: str) -> Listed:
    found.sort(key=lambda o: o.key)
    folders = {parent for o in found for parent in _parents(o.key)} if _any_empty(found) else set()
    objects: list[StoredObject] = []
    for one in found:
        if not one.size and (one.key in folders or one.key in ("", prefix.rstrip("/"))):
            odd.append(OddObject(f"{one.key}/", MARKER, 0, one.modified))
        elif is_key(one.key):
            objects.append(one)
        else:
            odd.append(OddObject(one.key, BAD_NAME, one.size, one.modified))
    return Listed(objects, sorted(odd, key=lambda o: o.key))


def _any_empty(found: list[StoredObject]) -> bool:
    return any(not one.size for one in found)


def _parents(key: str) -> Iterator[str]:
    end = key.rfind("/")
    while end > 0:
        yield key[:end]
        end = key.rfind("/", 0, end)


def _list_again(backend: ObjectStore, url: str, prefix: str, error: Exception) -> Listed:
    """List by other means, or raise the error if there are none."""
    if not isinstance(backend, S3Store):
        folder = Path(unquote(urlsplit(url).path))
        top = folder / prefix.rstrip("/")
        try:
            os.scandir(top).close()
        except OSError:
            raise error from None
        again = Listed()
        for path in _walk(top, again.odd, folder):
            _add(again, path, folder)
        return again
    if ODD_NAME not in str(error):
        raise error
    return _list_with_boto3(backend, prefix, error)


def _walk(folder: Path, odd: list[OddObject], root: Path) -> Iterator[os.DirEntry[str]]:
    """The files below a folder; links to folders are not followed, they may lead in circles."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        odd.append(OddObject(_key(folder, root), DENIED))
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), odd, root)
        elif not _UNFINISHED.search(entry.name):
            yield entry


_UNFINISHED = re.compile(r"#\d+$")  # obstore's name for a file that is being written


def _add(again: Listed, entry: os.DirEntry[str], root: Path) -> None:
    key = _key(Path(entry.path), root)
    try:
        status = entry.stat()
    except OSError as error:
        again.odd.append(OddObject(key, (error.strerror or "unreadable").lower()))
        return
    if not stat.S_ISREG(status.st_mode):
        again.odd.append(OddObject(key, "no file"))
        return
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    again.objects.append(StoredObject(key, status.st_size, modified))


def _key(path: Path, root: Path) -> str:
    """A path as a key that can be printed and stored: what is no UTF-8 is replaced."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def _list_with_boto3(backend: S3Store, prefix: str, error: Exception) -> Listed:
    config: dict[str, Any] = dict(backend.config)
    options: dict[str, Any] = dict(backend.client_options or {})
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        client = _boto3_client(
            getattr(backend.credential_provider, "session", None),
            config.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL"),
            config.get("region") or os.environ.get("AWS_REGION"),
            config.get("access_key_id"),
            config.get("secret_access_key"),
            config.get("session_token") or config.get("token"),
            signs=not config.get("skip_signature"),
            verify=not options.get("allow_invalid_certificates"),
        )
    except ImportError:  # the serving image has no boto3
        raise error from None
    start = str(backend.prefix or "").strip("/")
    root = f"{start}/" if start else ""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=config["bucket"], Prefix=f"{root}{prefix}"
    )
    again = Listed()
    try:
        for page in pages:
            for one in page.get("Contents", ()):
                _add_object(again, one, root)
    except (BotoCoreError, ClientError):
        raise error from None
    return again


@lru_cache(maxsize=4)  # making one takes a third of a second
def _boto3_client(
    session: object,
    endpoint: str | None,
    region: str | None,
    key: str | None,
    secret: str | None,
    token: str | None,
    *,
    signs: bool,
    verify: bool,
) -> Any:  # noqa: ANN401  (boto3 has no types)
    from boto3.session import Session  # noqa: PLC0415
    from botocore import UNSIGNED  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    chosen: Any = session or Session()
    return chosen.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        verify=verify,
        config=Config(
            s3={"addressing_style": "path"}, signature_version=None if signs else UNSIGNED
        ),
    )


def _add_object(again: Listed, one: dict[str, Any], root: str) -> None:
    key, modified = str(one["Key"]).removeprefix(root), one["LastModified"].astimezone(UTC)
    if key.endswith("/") or not key:
        again.odd.append(OddObject(key, MARKER, one["Size"], modified))
    else:
        again.objects.append(StoredObject(key, one["Size"], modified))
