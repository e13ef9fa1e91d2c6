"""The folders and files that a server's listings name, up to bounds."""

import hashlib
import time
from collections import deque

import httpx

from dandelion_pipeline.errors import SourceError, SourceUnavailable
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.bounds import BOUNDS, Bounds
from dandelion_pipeline.ingest.sources.entries import Entry, Notes, ignored_as
from dandelion_pipeline.ingest.sources.listing import Listing, read_listing
from dandelion_pipeline.ingest.sources.web.fetch import fetch, shown


def crawl(client: httpx.Client, top: Listing, notes: Notes, bounds: Bounds = BOUNDS) -> list[Entry]:
    """The files below a listing, those of nearer folders first.

    A server may list folders without end, in circles, or answer the same page for each; so
    folders, files, depth and time have bounds, and a page that was seen before, in whatever
    folder, is not looked at again twice below itself. What is left out is said in the notes.
    """
    deadline = time.monotonic() + bounds.seconds_to_list
    waiting: deque[tuple[str, str, tuple[bytes, ...]]] = deque()
    entries: list[Entry] = []
    _add(top, "", (), waiting, entries)
    looked = 0
    while waiting:
        path, url, above = waiting.popleft()
        looked += 1
        why = _over(looked, len(entries), deadline, bounds)
        if why:
            notes.said.append(f"not all folders were listed, {path} and others are left out: {why}")
            break
        if ignored_as(f"{path}/photo.jpg"):
            notes.takes(f"{path}/photo.jpg")
            continue
        if path.count("/") >= bounds.depth:
            notes.odd[path] = f"it lies more than {bounds.depth} folders deep"
            continue
        try:
            below = read_folder(client, url)
        except (SourceError, SourceUnavailable) as error:
            notes.odd[path] = error.why
            continue
        names = hashlib.sha256(repr((sorted(below.folders), sorted(below.files))).encode()).digest()
        if below.folders and names in above:
            notes.odd[path] = "its listing is that of a folder above it: it leads in circles"
            continue
        _add(below, f"{path}/", (*above, names), waiting, entries)
    return entries[: bounds.files]


def read_folder(client: httpx.Client, url: str) -> Listing:
    """What a folder's page links to; nothing if there is no such page.

    Raises:
        SourceError: the page cannot be a listing, or is refused.
        SourceUnavailable: the server did not answer.
    """
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


def read_page(client: httpx.Client, url: str) -> bytes:
    """A table of labels; empty if it is gone.

    Raises:
        SourceError: the server refuses, or does not answer.
    """
    try:
        found = fetch(client, url)
    except SourceUnavailable as error:
        raise SourceError(error.what, error.why, error.remedy) from None
    return found.data if found else b""


def _over(folders: int, files: int, deadline: float, bounds: Bounds) -> str | None:
    if folders > bounds.folders:
        return f"{bounds.folders:,} folders are the most that is listed"
    if files > bounds.files:
        return f"{bounds.files:,} files are the most that is taken from one server"
    if time.monotonic() > deadline:
        return f"the listing took more than {bounds.seconds_to_list:.0f} seconds"
    return None


def _add(
    listing: Listing,
    base: str,
    above: tuple[bytes, ...],
    waiting: deque[tuple[str, str, tuple[bytes, ...]]],
    entries: list[Entry],
) -> None:
    entries += [Entry(f"{base}{name}", url) for name, url in sorted(listing.files.items())]
    waiting += [(f"{base}{name}", url, above) for name, url in sorted(listing.folders.items())]
