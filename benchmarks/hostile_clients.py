"""Good clients of the API while others overload it, or hold connections open without asking.

    python -m benchmarks.hostile_clients [slow sockets]

The real process, a small model, a thumbnail. First, good clients alone: four, each asking again
as soon as it is answered. Then the same beside 500 sockets that send a byte a second, half of them
in the head of a request and half in a body. Then ten times the requests a second that were
answered, sent without waiting for answers (an open loop), each on a connection of its own.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.data import thumbnails
from benchmarks.serving import Server, publish, running, tree_memory
from dandelion_pipeline.storage.location import open_store

GOOD = 4
SECONDS = 10
OVERLOAD = 10
OVERLOAD_SECONDS = 5
DEADLINE = 1.0
PATIENCE = 60
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
        while time.perf_counter() - began < PATIENCE:
            try:
                if not await asyncio.wait_for(reader.read(65_536), 1):
                    break
            except TimeoutError:
                writer.write(b"x")
    except ConnectionError:
        pass
    writer.close()
    return time.perf_counter() - began


async def one_shot(server: Server, data: bytes) -> tuple[int, float]:
    """One request on a connection of its own: its status and the time it took."""
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        status = await asyncio.wait_for(answered(reader), PATIENCE)
        writer.close()
    except (OSError, EOFError, TimeoutError):
        status = 0
    return status, time.perf_counter() - began


async def overload(server: Server, photo: bytes, rate: float) -> list[tuple[int, float]]:
    """So many requests a second, whether or not they are answered."""
    data = request(photo, keep=False)
    coming = []
    began = time.perf_counter()
    for number in range(round(rate * OVERLOAD_SECONDS)):
        await asyncio.sleep(max(0, began + number / rate - time.perf_counter()))
        coming.append(asyncio.ensure_future(one_shot(server, data)))
    return await asyncio.gather(*coming)


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
    found = await overload(server, photo, rate)
    counts = Counter(status for status, _ in found)
    for status, words in ((200, "accepted"), (503, "turned away"), (0, "lost")):
        times = [seconds for one, seconds in found if one == status]
        row(f"{rate:.0f} requests/s: {words}", len(found), f"{counts[status]}", times)
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
        with running(["serving.app"], environment, photo, KEY) as server:
            asyncio.run(measured(server, photo, sockets))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
