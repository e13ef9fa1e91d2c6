"""Models go live while the API answers: no request fails, and no answer names another model.

    python -m benchmarks.serving.swaps [swaps]

The real process follows a store in which a model is published as soon as the last one answers;
every tenth bundle is corrupt, and must be refused. Models say the opposite of each other in turn:
an answer that was computed by another model than it names would be seen. Memory is looked at after
a tenth of the swaps and at the end.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.servers import Server, running, tree_memory
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import onnx_graph, photo, publish
from serving.client import AsyncClient

CLIENTS = 4
POLL = 0.05
TIMEOUT = 30
KEY = "a-key-for-the-benchmark"
out = Console(width=110)


class Load:
    """Clients that ask on and on, and what they saw."""

    def __init__(self, server: Server) -> None:
        self._url = f"http://127.0.0.1:{server.port}"
        self._over = False
        self.took: list[float] = []
        self.mixed = 0
        self.versions: set[str] = set()

    async def run(self) -> None:
        """Ask until `stop`; raises what a failed request raises."""
        await asyncio.gather(*(self._ask() for _ in range(CLIENTS)))

    def stop(self) -> None:
        """Let the clients end."""
        self._over = True

    async def _ask(self) -> None:
        data = photo()
        async with AsyncClient(self._url, KEY) as api:
            while not self._over:
                began = time.perf_counter()
                answer = await api.predict(data, "a.jpg")
                self.took.append(time.perf_counter() - began)
                version = answer.model.version
                self.versions.add(version)
                flipped = version.startswith("flipped")
                self.mixed += answer.label != ("grass" if flipped else "dandelion")


async def swap(store: Store, load: Load, number: int) -> None:
    """Publish a model, and wait until it answers; every tenth one is corrupt and must not."""
    flipped = number % 2 > 0
    version = f"{'flipped' if flipped else 'plain'}-{number:05d}"
    if number % 10 == 0:
        await asyncio.to_thread(publish, store, f"corrupt-{number:05d}", b"no graph")
        await asyncio.sleep(3 * POLL)
    await asyncio.to_thread(publish, store, version, onnx_graph(flipped=flipped))
    until = time.perf_counter() + TIMEOUT
    while version not in load.versions:
        await asyncio.sleep(POLL / 5)
        if time.perf_counter() > until:
            raise TimeoutError(f"model {version} never answered")


async def measured(store: Store, server: Server, swaps: int) -> None:
    """Swap, and print one table."""
    load = Load(server)
    asking = asyncio.ensure_future(load.run())
    memory = 0
    for number in range(1, swaps + 1):
        if asking.done():
            asking.result()
        await swap(store, load, number)
        if number == swaps // 10:
            memory = tree_memory(server.pid)
    end = tree_memory(server.pid)
    load.stop()
    await asking
    headers = {"X-API-Key": KEY}
    text = httpx.get(f"http://127.0.0.1:{server.port}/metrics", headers=headers).text
    refused = next(one for one in text.splitlines() if one.startswith("dandelion_models_refused"))
    corrupt = [one for one in load.versions if one.startswith("corrupt")]
    median, late = np.percentile(load.took, [50, 99]) * 1e3
    table = Table("", "")
    table.add_row("swaps", f"{swaps}")
    table.add_row("corrupt bundles: refused, answered", f"{refused.split()[1]}, {len(corrupt)}")
    table.add_row("requests: answered, failed, mixed", f"{len(load.took)}, 0, {load.mixed}")
    table.add_row("median, 99 %", f"{median:.1f}, {late:.1f} ms")
    table.add_row("memory after a tenth, at the end", f"{memory / 1e6:.0f}, {end / 1e6:.0f} MB")
    out.print(table)


def main(swaps: int) -> None:
    """Start the API on a store with one model, and go on from there."""
    with tempfile.TemporaryDirectory() as name:
        store = open_store((Path(name) / "store").as_uri())
        publish(store, "plain-00000")
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(Path(name) / "home"),
            "DANDELION_API_KEYS": KEY,
            "DANDELION_POLL_SECONDS": str(POLL),
        }
        with running(["serving"], environment, photo(), KEY) as server:
            asyncio.run(measured(store, server, swaps))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
