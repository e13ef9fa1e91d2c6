"""Good clients of the API while others overload it, or hold connections open without asking.

    python -m benchmarks.serving.hostile_clients [slow sockets]

The real process, a small model, a thumbnail. First, good clients alone: four, each asking again
as soon as it is answered. Then the same beside 500 sockets that send a byte a second, half of them
in the head of a request and half in a body. Then ten times the requests a second that were
answered, at random times and without waiting for answers (an open loop): over connections that are
kept, then each on a connection of its own.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.common.servers import Server, publish, running, tree_memory
from benchmarks.images.cleaning import thumbnails
from dandelion_pipeline.storage.objects.location import open_store

GOOD = 4
SECONDS = 10
OVERLOAD = 10
OVERLOAD_SECONDS = 5
CONNECTIONS = 500
DEADLINE = 1.0
TIMEOUT = 60
KEY = "a-key-for-the-benchmark"
out = Console(width=120)


def request(photo: bytes, *, keep: bool) -> bytes:
    """A whole request."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        + photo
        + b"\r\n--x--\r\n"
    )
    return head(len(body), keep=keep) + b"\r\n" + body


def head(length: int, *, keep: bool) -> bytes:
    """The head of one, but for its last line break."""
    return (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
    ).encode()


async def answered(reader: asyncio.StreamReader) -> int:
    """The status of an answer that has been read to its end."""
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    length = next(int(one[15:]) for one in lines if one.lower().startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


async def good_client(server: Server, data: bytes, until: float, took: list[float]) -> None:
    """Ask on one connection, again and again; note how long each answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(data)
        status = await answered(reader)
        took.append(time.perf_counter() - began)
        if status != 200:  # noqa: PLR2004
            raise RuntimeError(f"a good client was answered {status}")
    writer.close()


async def good_clients(server: Server, photo: bytes, seconds: float) -> list[float]:
    """How long answers took, all clients together."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    data = request(photo, keep=True)
    await asyncio.gather(*(good_client(server, data, until, took) for _ in range(GOOD)))
    return took


async def slow_socket(server: Server, *, in_body: bool) -> float:
    """Send a byte a second; seconds until the other side hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began = time.perf_counter()
    writer.write(head(900_000, keep=True) + b"\r\n" if in_body else b"POST /predict HTTP/1.1\r\n")
    try:
        while time.perf_counter() - began < TIMEOUT:
            try:
                if not await asyncio.wait_for(reader.read(65_536), 1):
                    break
            except TimeoutError:
                writer.write(b"x")
    except ConnectionError:
        pass
    writer.close()
    return time.perf_counter() - began


class Connection(asyncio.Protocol):
    """One that carries a request at a time. It costs little: the server has the same two cores.

    Args:
        found: where the status of each answer goes, and the seconds since it was due.
    """

    def __init__(self, found: list[tuple[int, float]]) -> None:
        self._found = found
        self._received = b""
        self._due = 0.0
        self.free = True
        """Whether it waits for no answer."""

    @classmethod
    async def to(cls, server: Server, found: list[tuple[int, float]]) -> "Connection":
        """A connection to a server."""
        made = cls(found)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: made, "127.0.0.1", server.port)
        return made

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio's."""
        self._transport = transport

    def ask(self, data: bytes, due: float) -> None:
        """Send a request that was due at a certain time."""
        self.free, self._due = False, due
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if blank and length and len(body) == int(length[1]):
            self._found.append((int(head.split()[1]), time.perf_counter() - self._due))
            self._received = b""
            self.free = True


async def overload(
    server: Server, photo: bytes, rate: float, *, keep: bool
) -> list[tuple[int, float]]:
    """So many requests a second, at random times, whether or not those before are answered.

    Args:
        server: that is asked.
        photo: that it is asked for.
        rate: requests a second.
        keep: whether over connections that are kept, or each on one of its own.

    Returns:
        Of each its status, or 0 if it was lost, and the seconds from when it was due.
    """
    found: list[tuple[int, float]] = []
    kept = deque([await Connection.to(server, found) for _ in range(CONNECTIONS if keep else 0)])
    data = request(photo, keep=keep)

    async def ask_alone(due: float) -> None:
        with suppress(OSError):
            (await Connection.to(server, found)).ask(data, due)

    random = np.random.default_rng(0)
    due, asked = time.perf_counter(), []
    end = due + OVERLOAD_SECONDS
    while (due := due + random.exponential(1 / rate)) < end:
        await asyncio.sleep(max(0, due - time.perf_counter()))
        asked.append(due)
        if keep:
            while not kept[0].free:
                kept.rotate()
            kept[0].ask(data, due)
        else:
            asyncio.ensure_future(ask_alone(due))  # noqa: RUF006  its answer is waited for below
    until = time.perf_counter() + TIMEOUT
    while len(found) < len(asked) and time.perf_counter() < until:
        await asyncio.sleep(0.05)
    return found + [(0, TIMEOUT)] * (len(asked) - len(found))


def late(seconds: Sequence[float]) -> str:
    """The median and the 99th percentile."""
    if not seconds:
        return "none"
    median, most = np.percentile(seconds, [50, 99]) * 1e3
    return f"{median:.0f}, {most:.0f} ms"


async def measured(server: Server, photo: bytes, sockets: int) -> None:
    """Measure, and print one table."""
    table = Table("what", "requests", "answered", "median, 99 %", "memory of the process")

    def row(what: str, requests: int, answers: str, seconds: Sequence[float]) -> None:
        memory = f"{tree_memory(server.pid) / 1e6:.0f} MB"
        table.add_row(what, f"{requests}", answers, late(seconds), memory)

    await good_clients(server, photo, 2)  # warms up
    alone = await good_clients(server, photo, SECONDS)
    row("four good clients alone", len(alone), "all", alone)
    slow = asyncio.gather(*(slow_socket(server, in_body=n % 2 > 0) for n in range(sockets)))
    await asyncio.sleep(1)
    beside = await good_clients(server, photo, SECONDS)
    row(f"beside {sockets} slow sockets", len(beside), "all", beside)
    closed = await slow
    row("the slow sockets, until closed", sockets, "", closed)
    rate = OVERLOAD * len(alone) / SECONDS
    for keep, how in ((True, f"over {CONNECTIONS} connections"), (False, "a connection each")):
        found = await overload(server, photo, rate, keep=keep)
        counts = Counter(status for status, _ in found)
        for status, words in ((200, "accepted"), (503, "turned away"), (0, "lost")):
            times = [seconds for one, seconds in found if one == status]
            row(f"{rate:.0f}/s, {how}: {words}", len(found), f"{counts[status]}", times)
    out.print(table)


def main(sockets: int) -> None:
    """Start the API, and let them come."""
    with tempfile.TemporaryDirectory() as name:
        store = open_store((Path(name) / "store").as_uri())
        publish(store, Path(name) / "weights.safetensors")
        photo = next(thumbnails())
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(Path(name) / "home"),
            "DANDELION_API_KEYS": KEY,
            "DANDELION_DEADLINE_SECONDS": str(DEADLINE),
        }
        with running(["serving"], environment, photo, KEY) as server:
            uvloop.run(measured(server, photo, sockets))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
