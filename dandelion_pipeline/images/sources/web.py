"""A web server: one with directory listings, or photos numbered from 00000000 on."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from urllib.parse import quote, urlsplit

import httpx

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decode import MAX_BYTES
from dandelion_pipeline.images.sources.fetch import (
    CONCURRENCY,
    Fetched,
    fetch,
    open_client,
    shown,
)
from dandelion_pipeline.images.sources.listing import Listing, read_listing
from dandelion_pipeline.images.sources.photo import (
    PhotoSource,
    SourcePhoto,
    checked_label,
    chosen_classes,
    safe_name,
)
from dandelion_pipeline.storage.ahead import run_ahead

_GAP = 10  # so many numbers without a photo mean that there are no more


@dataclass(frozen=True)
class ListedSource:
    """The files that a server's directory listings name."""

    base: str
    labels: tuple[str, ...]
    files: Mapping[str, Mapping[str, str]]
    """Addresses by class and name."""

    @property
    def count(self) -> int:
        """The number of files."""
        return sum(len(self.files[label]) for label in self.labels)

    def describe(self) -> str:
        """What this is, for people."""
        return f"{self.count} files of {', '.join(self.labels)} at {shown(self.base)}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        listed = ((label, *file) for label in self.labels for file in self.files[label].items())
        with open_client() as client:
            yield from run_ahead(partial(_get_listed, client), listed, concurrency=CONCURRENCY)


@dataclass(frozen=True)
class NumberedSource:
    """The files ``<base>/<label>/<8 digits>.jpg``, until the numbers end."""

    base: str
    labels: tuple[str, ...]
    count: None = None

    def describe(self) -> str:
        """What this is, for people."""
        return f"numbered photos of {', '.join(self.labels)} at {shown(self.base)}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        with open_client() as client:
            for label in self.labels:
                yield from self._photos(client, label)

    def _photos(self, client: httpx.Client, label: str) -> Iterator[SourcePhoto]:
        missing = 0
        read = partial(_get_numbered, client, self.base, label)
        for number, found in enumerate(run_ahead(read, count(), concurrency=CONCURRENCY)):
            missing = 0 if found else missing + 1
            if missing == _GAP:
                return
            if found:
                yield SourcePhoto(label, f"{number:08d}.jpg", found.data)


def open_web(url: str, labels: Sequence[str], known: Collection[str] = ()) -> PhotoSource:
    """Find out what a web server offers below an address.

    Raises:
        SourceError: no photos can be found there.
        SourceUnavailable: it did not answer.
    """
    parts = urlsplit(url)
    base = parts._replace(path=parts.path.rstrip("/") + "/", query="", fragment="").geturl()
    for label in labels:
        checked_label(label, shown(base))
    with open_client() as client:
        top = _top(client, base, labels)
        if top.folders and set(labels) <= set(top.folders):
            return _open_listed(client, base, top, labels, known)
        if not labels:
            raise _no_listing(base)
        _check_first_numbers(client, base, labels)
        remedy = "Name two classes or more"
        classes = chosen_classes(dict.fromkeys(labels, _GAP), labels, shown(base), remedy, known)
        return NumberedSource(base, classes)


def _top(client: httpx.Client, base: str, labels: Sequence[str]) -> Listing:
    try:
        return _listing(client, base)
    except SourceError:
        if labels:  # many servers refuse to list a folder whose files they give
            return Listing({}, {})
        raise


def _open_listed(
    client: httpx.Client,
    base: str,
    top: Listing,
    labels: Sequence[str],
    known: Collection[str],
) -> ListedSource:
    where, remedy = shown(base), f"Serve the photos below {shown(base)}<class>/"
    names = [checked_label(name, where) for name in top.folders if not labels or name in labels]
    files = {name: _listing(client, top.folders[name]).files for name in names}
    counts = {name: len(found) for name, found in files.items()}
    return ListedSource(base, chosen_classes(counts, labels, where, remedy, known), files)


def _listing(client: httpx.Client, url: str) -> Listing:
    page = fetch(client, url)
    if page is None:
        return Listing({}, {})
    if len(page.data) > MAX_BYTES:
        raise SourceError(
            f"the listing {shown(url)}",
            f"it has more than {MAX_BYTES / 1e6:.0f} MB",
            "Copy the photos into a folder, and give that",
        )
    return read_listing(page.data, page.url)


def _check_first_numbers(client: httpx.Client, base: str, labels: Sequence[str]) -> None:
    for label in labels:
        read = partial(_get_numbered, client, base, label, limit=1)
        if not any(run_ahead(read, range(_GAP), concurrency=CONCURRENCY)):
            raise SourceError(
                f"the photos of {label} at {shown(base)}",
                f"there is none of {_numbered(shown(base), label, 0)} and the {_GAP - 1} after it",
                "Check the address and the class names; photos are numbered from 00000000 on, "
                "or the server lists its folders",
            )


def _no_listing(base: str) -> SourceError:
    return SourceError(
        f"the photos at {shown(base)}",
        "the server lists no class folders there, so nothing says which classes there are",
        "Name the classes, or serve the photos with directory listings "
        "(`python -m http.server` does)",
    )


def _numbered(base: str, label: str, number: int) -> str:
    return f"{base}{quote(label)}/{number:08d}.jpg"


def _get_numbered(
    client: httpx.Client, base: str, label: str, number: int, limit: int = MAX_BYTES + 1
) -> Fetched | None:
    return fetch(client, _numbered(base, label, number), limit)


def _get_listed(client: httpx.Client, listed: tuple[str, str, str]) -> SourcePhoto:
    label, name, url = listed
    found = fetch(client, url)
    if found is None:
        raise SourceError(
            f"could not get {shown(url)}",
            "the server lists it and has it not",
            "Repair or remove it on the server, and run again",
        )
    return SourcePhoto(label, safe_name(name), found.data)
