"""Getting files from a web server that may be slow, busy, endless or gone."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import httpx

from dandelion_pipeline.errors import SourceError, SourceUnavailable
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.bounds import BOUNDS

CONCURRENCY = 8
_TIMEOUT = httpx.Timeout(15.0, connect=4.0)
_DEADLINE = 60.0  # seconds for one file: a server that drips keeps every read timeout
_PAUSES = (0.2, 1.0, 3.0)  # seconds before the second, third and fourth try
_LONGEST_PAUSE = 20.0  # seconds, however long the server asks us to wait
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Fetched:
    """What a server answered."""

    url: str
    """Where the answer came from in the end, after redirects."""

    data: bytes
    """At most ``MAX_BYTES + 1`` bytes."""


class _TryAgain(Exception):
    """A failure that may pass; `fetch` waits and tries again."""

    def __init__(self, why: str, after: str = "") -> None:
        super().__init__(why)
        self.seconds = min(float(after), _LONGEST_PAUSE) if after.isdigit() else 0.0


class RetryLimit:
    """How often one server's files are tried: fewer times, once many of them have failed.

    Shared by the threads that ask one server.
    """

    def __init__(self) -> None:
        self._failed = 0
        self._in_a_row = 0

    @property
    def pauses(self) -> tuple[float, ...]:
        """Seconds before each further try of a file."""
        return _PAUSES if self._failed < _MANY_FAILED else _PAUSES[:1]

    def is_over(self, failure: SourceError | SourceUnavailable) -> bool:
        """Count a file that did not come. True if so many did not that the server is gone."""
        self._failed += 1
        self._in_a_row += 1
        return self._in_a_row >= BOUNDS.failed_in_a_row and isinstance(failure, SourceUnavailable)

    def answered(self) -> None:
        """Count an answer, whatever it is."""
        self._in_a_row = 0


_MANY_FAILED = 8


def open_client() -> httpx.Client:
    """A client for `fetch`; close it after use."""
    limits = httpx.Limits(max_connections=CONCURRENCY)
    return httpx.Client(
        timeout=_TIMEOUT,
        limits=limits,
        follow_redirects=True,
        max_redirects=5,
        headers={"Accept-Encoding": "identity", "User-Agent": "dandelion-pipeline"},
    )


def fetch(
    client: httpx.Client,
    url: str,
    limit: int = MAX_BYTES + 1,
    retry_limit: RetryLimit | None = None,
) -> Fetched | None:
    """Get a file, or None if the server says that there is none.

    Args:
        client: from `open_client`.
        url: the address.
        limit: the most bytes to read.
        retry_limit: how often to try; four times if none is given.

    Raises:
        SourceError: the server refuses, or answers with what makes no sense.
        SourceUnavailable: it did not answer, or was too busy, every time.
    """
    for pause in retry_limit.pauses if retry_limit else _PAUSES:
        try:
            return _attempt(client, url, limit)
        except _TryAgain as failure:
            time.sleep(max(pause, failure.seconds))
    try:
        return _attempt(client, url, limit)
    except _TryAgain as failure:
        raise SourceUnavailable(
            f"could not get {shown(url)}",
            str(failure),
            "Check the address, the network and the server, and run again; "
            "nothing that has been copied is copied twice",
        ) from None


def shown(url: str) -> str:
    """An address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _attempt(client: httpx.Client, url: str, limit: int) -> Fetched | None:
    try:
        with client.stream("GET", url) as response:
            if response.status_code in _ABSENT:
                return None
            _check_status(response)
            return Fetched(str(response.url), _read(response, limit))
    except httpx.UnsupportedProtocol as error:
        raise _senseless(url, str(error)) from None
    except httpx.TransportError as error:
        raise _TryAgain(f"the server did not answer ({_reason(error)})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _senseless(url, str(error)) from None


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error:
        after = response.headers.get("Retry-After", "")
        raise _TryAgain(f"the server answered {status} {response.reason_phrase}", after)
    if status in _DENIED:
        raise SourceError(
            f"could not get {shown(str(response.url))}",
            f"the server does not allow it ({status} {response.reason_phrase})",
            "Use an address that may be read, or put user and password into it",
        )
    if not response.is_success:
        raise _senseless(str(response.url), f"the status is {status}")


def _read(response: httpx.Response, limit: int) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + _DEADLINE
    for chunk in response.iter_bytes(65_536):
        data += chunk
        if len(data) >= limit:
            break
        if time.monotonic() > deadline:
            raise _TryAgain(f"the file was not whole after {_DEADLINE:.0f} seconds")
    return bytes(data[:limit])


def _senseless(url: str, why: str) -> SourceError:
    return SourceError(
        f"could not get {shown(url)}",
        f"the answer makes no sense ({why})",
        "Check the address",
    )


def _reason(error: httpx.TransportError) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
