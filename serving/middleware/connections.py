"""HTTP on a socket: uvicorn's protocol, with limits on what a client may do before it has asked.

uvicorn waits for a request for as long as its client likes. Here a head has ten seconds, and a body
ten more and a little for each byte that has come: who sends a byte a second is gone soon, who has a
slow line is not. Heads are bounded in bytes and in fields, connections in number. Whatever is
refused here is answered with a problem document, too.
"""

import asyncio
from http import HTTPStatus
from uuid import uuid4

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.api.problems import MEDIA_TYPE, SECURITY_HEADERS
from serving.api.request_id import HEADER
from serving.api.schemas import Problem

MOST_HEAD_BYTES = 32_768
MOST_FIELDS = 100
MOST_URL_BYTES = 8_192
MOST_CONNECTIONS = 2_000

_WORDS = {
    HTTPStatus.BAD_REQUEST: "This is no HTTP/1.1 request. Check what sends it.",
    HTTPStatus.REQUEST_TIMEOUT: "The request took too long to arrive. Send it again.",
    HTTPStatus.REQUEST_URI_TOO_LONG: f"An address may have {MOST_URL_BYTES} bytes.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: f"A head may have {MOST_FIELDS} fields and "
    f"{MOST_HEAD_BYTES} bytes.",
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request that is late, too large or malformed ends it."""

    head_seconds = 10.0
    body_seconds = 10.0
    bytes_per_second = 65_536
    """Each such number of bytes that has come of a body gives it a second more."""

    _deadline: asyncio.TimerHandle | None = None
    _began = 0.0
    _received = 0
    _head = 0
    """Bytes of a head that is not whole yet."""

    _fields = 0
    """Bytes of its fields."""

    _in_body = False
    _refusal = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio's: somebody connected."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
        else:
            self._expect(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: it is over."""
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio's: some bytes came."""
        if self.transport.is_closing():
            return
        if self._in_body:
            self._received += len(data)
        else:
            self._head += len(data)
        super().data_received(data)
        if self._head > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """httptools': a request begins."""
        super().on_message_begin()
        self._fields = 0
        if self._deadline is None:  # it is not the first one of the connection
            self._expect(self.head_seconds)

    def on_url(self, url: bytes) -> None:
        """httptools': a part of the address."""
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            self._stop_parsing(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools': a field of the head."""
        super().on_header(name, value)
        self._fields += len(name) + len(value)
        if len(self.headers) > MOST_FIELDS or self._fields > MOST_HEAD_BYTES:
            self._stop_parsing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """httptools': the head is whole."""
        super().on_headers_complete()
        self._in_body, self._received, self._head = True, 0, 0
        self._expect(self.body_seconds)

    def on_message_complete(self) -> None:
        """httptools': the body is whole."""
        self._in_body = False
        self._head = 0
        self._expect_nothing()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's: the parser gave up."""
        self._refuse(self._refusal)

    def _stop_parsing(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise HttpParserError(status.phrase)

    def _expect(self, seconds: float) -> None:
        self._expect_nothing()
        self._began = self.loop.time()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """Give a body that comes along some more time; else it is over."""
        more = 0.0
        if self._in_body:
            earned = self.body_seconds + self._received / self.bytes_per_second
            more = self._began + earned - self.loop.time()
            if self.flow.read_paused:  # it is we who do not take it
                more = max(more, 1.0)
        if more > 0:
            self._deadline = self.loop.call_later(more, self._late)
        else:
            self._deadline = None
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, if nothing has been said yet, and hang up."""
        self._expect_nothing()
        if self._in_body:
            unanswered = not self.cycle.response_started
        else:  # nor may it come between the pieces of the answer to the request before
            unanswered = self.cycle is None or self.cycle.response_complete
        if unanswered:
            self.transport.write(_answer(status))
        self.transport.close()


def _answer(status: HTTPStatus) -> bytes:
    name = uuid4().hex
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=_WORDS[status],
        request_id=name,
    )
    body = problem.model_dump_json(exclude_none=True).encode()
    fields = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
        HEADER: name,
        **SECURITY_HEADERS,
    }
    head = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
    return STATUS_LINE[status] + head.encode() + b"\r\n" + body
