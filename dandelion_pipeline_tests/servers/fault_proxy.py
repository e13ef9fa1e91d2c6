"""An HTTP proxy that does harm on purpose, between a store and a real S3 server.

It passes bytes on as they came, the Host header too, because Signature Version 4 signs it:
a client's AWS_ENDPOINT_URL names the proxy, and the server believes to be the proxy.
"""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from dandelion_pipeline_tests.servers.fault_plans import (
    _INSTEAD,
    S3_ERRORS,
    Fault,
    Plan,
    Request,
    no_faults,
)


@contextmanager
def fault_proxy(
    upstream: str, faults: Plan = no_faults, *, latency: float = 0.3, pause: float = 0.05
) -> Iterator["FaultProxy"]:
    """A proxy on a free port of this machine.

    Args:
        upstream: where the server is, as ``http://host:port``.
        faults: what is to happen to which request; may be replaced while it runs.
        latency: seconds that `Fault.LATENCY` takes.
        pause: seconds between the eight pieces of `Fault.SLOW_BODY`.
    """
    proxy = FaultProxy(upstream, faults, latency, pause)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve(ready)), name="fault proxy")
    thread.start()
    try:
        assert ready.wait(10), "the proxy did not start"
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
        assert not thread.is_alive(), "the proxy did not stop"


@dataclass(frozen=True)
class _Message:
    head: bytes
    body: bytes
    """As it came, the frames of chunked encoding included."""

    closes: bool = False

    @property
    def first_line(self) -> list[str]:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")


class FaultProxy:
    """What `fault_proxy` hands out."""

    def __init__(self, upstream: str, faults: Plan, latency: float, pause: float) -> None:
        parts = urlsplit(upstream)
        self.faults = faults
        self.requests: list[Request] = []
        self.endpoint = ""
        self._upstream = (parts.hostname, parts.port)
        self._latency = latency
        self._pause = pause
        self._conversations: set[asyncio.Task[object] | None] = set()
        self._stopping: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def struck(self, *faults: Fault) -> list[Request]:
        """The requests that suffered one of these faults; without any given, one of all."""
        return [r for r in self.requests if r.fault in (faults or list(Fault))]

    def stop(self) -> None:
        """End `serve`, from another thread."""
        if self._stopping:
            loop, event = self._stopping
            loop.call_soon_threadsafe(event.set)

    async def serve(self, ready: threading.Event) -> None:
        """Serve until `stop`; then `asyncio.run` ends the connections that are open."""
        event = asyncio.Event()
        self._stopping = (asyncio.get_running_loop(), event)
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=128)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await event.wait()
        server.close()

    async def _converse(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        answer.transport.set_write_buffer_limits(0)  # then drain() means sent
        conversation = asyncio.current_task()
        self._conversations.add(conversation)  # once its client is gone, nobody else holds it
        try:
            while await self._exchange(client, answer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the server has, or the proxy stops
        finally:
            answer.transport.abort()
            self._conversations.discard(conversation)

    async def _exchange(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> bool:
        """Pass one request on and its answer back. True if the connection stays open."""
        message = await _read_message(client)
        request = self._record(message)
        fault = request.fault
        if fault is Fault.HANG:
            await client.read()  # until the client gives up
            return False
        if fault is Fault.LATENCY:
            await asyncio.sleep(self._latency)
        if fault is Fault.RESET:
            return _reset(answer)
        if fault is Fault.FLIPPED_UPLOAD:
            message = replace(message, body=_flipped(message.body))
        if fault is Fault.CUT_UPLOAD:
            await self._cut_upload(message)
            return _reset(answer)
        if fault not in _INSTEAD:
            reply = await self._ask_server(request, message)
        if fault in S3_ERRORS:
            reply = _s3_error(request)
        return await self._reply(request, reply, answer)

    def _record(self, message: _Message) -> Request:
        method, path, _ = message.first_line
        conditional = b"\r\nif-none-match:" in message.head.lower()
        request = Request(method, path, len(message.body), conditional)
        request.fault = self.faults(request)
        self.requests.append(request)
        return request

    async def _ask_server(self, request: Request, message: _Message) -> _Message:
        server, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(message.head + message.body)
            reply = await _read_message(server, bodiless=request.method == "HEAD")
        finally:
            writer.transport.abort()
        request.status = int(reply.first_line[1])
        return reply

    async def _cut_upload(self, message: _Message) -> None:
        _, writer = await asyncio.open_connection(*self._upstream)
        writer.transport.set_write_buffer_limits(0)
        try:
            writer.write(message.head + message.body[: len(message.body) // 2])
            await writer.drain()
            await asyncio.sleep(0.02)  # let the server read it, or the reset would overtake it
        finally:
            _reset(writer)

    async def _reply(self, request: Request, reply: _Message, answer: asyncio.StreamWriter) -> bool:
        fault, body = request.fault, reply.body
        if fault in {Fault.LOST_ANSWER, Fault.HUNG_UP}:
            return _reset(answer) if fault is Fault.LOST_ANSWER else False
        if fault is Fault.FLIPPED_DOWNLOAD:
            body = _flipped(body)
        if fault is Fault.CUT_DOWNLOAD:
            body = body[: len(body) // 2]
        answer.write(reply.head)
        pieces = 8 if fault is Fault.SLOW_BODY else 1
        step = max(1, -(-len(body) // pieces))
        for start in range(0, len(body), step):
            await answer.drain()
            await asyncio.sleep(self._pause if pieces > 1 else 0)
            answer.write(body[start : start + step])
        await answer.drain()
        return _reset(answer) if fault is Fault.CUT_DOWNLOAD else not reply.closes


async def _read_message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> _Message:
    """A request or an answer (RFC 9112, section 6). `bodiless`: the answer to a HEAD."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    closes = b"\r\nconnection: close\r\n" in lower
    if bodiless or re.match(rb"HTTP/1.1 (1\d\d|204|304) ", head):
        return _Message(head, b"", closes)
    if b"\r\ntransfer-encoding: chunked\r\n" in lower:
        return _Message(head, await _read_chunks(reader), closes)
    length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", lower)
    if length or not head.startswith(b"HTTP/"):
        return _Message(head, await reader.readexactly(int(length[1]) if length else 0), closes)
    return _Message(head, await reader.read(), closes=True)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body  # nobody here sends trailers


def _s3_error(request: Request) -> _Message:
    assert request.fault
    status, code = S3_ERRORS[request.fault]
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return _Message(f"{head}\r\n".encode(), b"" if request.method == "HEAD" else body)


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return (
        body[:middle] + bytes(byte ^ 4 for byte in body[middle : middle + 1]) + body[middle + 1 :]
    )


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Close with a TCP reset (RST) and say that the connection is over."""
    with suppress(OSError):
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
