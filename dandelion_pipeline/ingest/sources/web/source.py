"""A web server: one with directory listings, or photos numbered from 00000000 on."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from urllib.parse import quote, urlsplit

import httpx

from dandelion_pipeline.errors import SourceError, SourceUnavailable
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.arranged import ArrangedSource, photo_of
from dandelion_pipeline.ingest.sources.bounds import BOUNDS, Watch, looks_like_photo, what_it_is
from dandelion_pipeline.ingest.sources.entries import Entry, Notes
from dandelion_pipeline.ingest.sources.labels import checked_label, tidied
from dandelion_pipeline.ingest.sources.layouts.layout import Options, arrange
from dandelion_pipeline.ingest.sources.listing import Listing
from dandelion_pipeline.ingest.sources.photo import PhotoSource, SourcePhoto, chosen_classes
from dandelion_pipeline.ingest.sources.placing import Placed, split_of
from dandelion_pipeline.ingest.sources.web.crawl import crawl, read_folder, read_page
from dandelion_pipeline.ingest.sources.web.fetch import (
    CONCURRENCY,
    RetryLimit,
    fetch,
    open_client,
    shown,
)
from dandelion_pipeline.storage.prefetch import ordered_parallel_map


@dataclass(frozen=True, kw_only=True)
class ListedSource(ArrangedSource):
    """The files that a server's directory listings name."""

    base: str

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"at {shown(self.base)}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        watch, retry_limit = Watch(self.notes), RetryLimit()
        with open_client() as client:
            read = partial(_get, client, retry_limit)
            addresses = (str(p.entry.at) for p in self.placed)
            answers = ordered_parallel_map(read, addresses, concurrency=CONCURRENCY)
            with closing(answers):
                for placed, answer in zip(self.placed, answers, strict=False):
                    path = placed.entry.path
                    if _passed_on(watch, retry_limit, path, answer, listed=True):
                        yield photo_of(placed, answer.data)
                    why = watch.too_slow()
                    if why:
                        self.notes.said.append(f"stopped at {path}: {why}")
                        return


@dataclass(frozen=True)
class NumberedSource:
    """The files ``<base>/<label>/<8 digits>.jpg``, until the numbers end."""

    base: str
    labels: tuple[str, ...]
    count: None = None
    keep_splits: bool = False
    notes: Notes = field(default_factory=Notes)

    def describe(self) -> str:
        """What this is, for people."""
        return f"numbered photos of {', '.join(self.labels)} at {shown(self.base)}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        retry_limit = RetryLimit()
        with open_client() as client:
            for label in self.labels:
                yield from self._photos(client, retry_limit, label)

    def _photos(
        self, client: httpx.Client, retry_limit: RetryLimit, label: str
    ) -> Iterator[SourcePhoto]:
        watch = Watch(self.notes)
        read = partial(_get, client, retry_limit)
        addresses = (_numbered(self.base, label, number) for number in count())
        answers = ordered_parallel_map(read, addresses, concurrency=CONCURRENCY)
        with closing(answers):
            for number, answer in enumerate(answers):
                path = f"{label}/{number:08d}.jpg"
                if _passed_on(watch, retry_limit, path, answer, listed=False):
                    yield SourcePhoto(label, f"{number:08d}.jpg", answer.data, path)
                why = watch.over()
                if why:
                    self.notes.said.append(f"stopped at {path}: {why}")
                if why is not None:
                    return


@dataclass(frozen=True)
class _Answer:
    """What came of one address: bytes, nothing there, or why it failed."""

    data: bytes = b""
    there: bool = True
    failure: SourceError | SourceUnavailable | None = None


def open_web(url: str, options: Options) -> PhotoSource:
    """Find out what a web server offers below an address.

    Raises:
        SourceError: no photos can be found there.
        SourceUnavailable: it did not answer.
    """
    parts = urlsplit(url)
    base = parts._replace(path=parts.path.rstrip("/") + "/", query="", fragment="").geturl()
    labels, notes = tuple(options.labels), Notes()
    for label in labels:
        checked_label(label, shown(base))
    with open_client() as client:
        top = _top(client, base, labels)
        if (top.folders or top.files) and not _lacks(top, labels):
            entries = crawl(client, top, notes)
            placed = _arranged(client, entries, options, notes, base)
            return ListedSource(
                placed=placed, keep_splits=options.keep_splits, notes=notes, base=base
            )
        if not labels:
            raise _no_listing(base)
        _check_first_numbers(client, base, labels)
        remedy = "Name two classes or more"
        classes = chosen_classes(
            dict.fromkeys(labels, 1), labels, shown(base), remedy, options.known
        )
        return NumberedSource(base, classes, notes=notes)


def _lacks(top: Listing, labels: Sequence[str]) -> bool:
    """Whether a listing, such as a home page's links, has nothing to do with the classes."""
    names = set(map(tidied, top.folders))
    return not set(labels) <= names and not (len(names) > 1 and all(map(split_of, names)))


def _arranged(
    client: httpx.Client, entries: Sequence[Entry], options: Options, notes: Notes, base: str
) -> list[Placed]:
    return arrange(
        entries,
        options,
        notes,
        shown(base),
        f"Serve the photos below {shown(base)}<class>/",
        lambda entry: read_page(client, str(entry.at)),
    )


def _top(client: httpx.Client, base: str, labels: Sequence[str]) -> Listing:
    try:
        return read_folder(client, base)
    except SourceError:
        if labels:  # many servers refuse to list a folder whose files they give
            return Listing({}, {})
        raise


def _passed_on(
    watch: Watch, retry_limit: RetryLimit, path: str, answer: _Answer, *, listed: bool
) -> bool:
    """Whether an answer is a photo. What it is else goes to the notes."""
    if answer.failure is not None:
        watch.failed(path, answer.failure.why)
        if retry_limit.is_over(answer.failure):
            raise answer.failure
        return False
    retry_limit.answered()
    if not answer.there and listed:
        watch.notes.odd[path] = "the server lists it and has it not"
    return watch.takes(path, answer.data if answer.there else None)


def _get(
    client: httpx.Client, retry_limit: RetryLimit, url: str, limit: int = MAX_BYTES + 1
) -> _Answer:
    try:
        found = fetch(client, url, limit, retry_limit)
    except (SourceError, SourceUnavailable) as error:
        return _Answer(failure=error)
    return _Answer(found.data) if found else _Answer(there=False)


def _check_first_numbers(client: httpx.Client, base: str, labels: Sequence[str]) -> None:
    for label in labels:
        numbers = range(BOUNDS.missing_in_a_row)
        addresses = [_numbered(base, label, number) for number in numbers]
        read = partial(_get, client, RetryLimit(), limit=64)
        answers = list(ordered_parallel_map(read, addresses, concurrency=CONCURRENCY))
        if any(looks_like_photo(answer.data) for answer in answers):
            continue
        failures = [answer.failure for answer in answers if answer.failure]
        if failures:
            raise failures[0]
        first, what = _numbered(shown(base), label, 0), f"the photos of {label} at {shown(base)}"
        others = [answer for answer in answers if answer.there]
        if others:
            raise SourceError(
                what,
                f"the server gives {what_it_is(others[0].data)} for {first} and others, no photo",
                "Open the address in a browser: it may ask for a login, or be another one",
            )
        raise SourceError(
            what,
            f"there is none of {first} and the {len(numbers) - 1} after it",
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
