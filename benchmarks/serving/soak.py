"""An hour of good and hostile requests, and whether the memory of the API grows.

    python -m benchmarks.serving.soak [minutes]

The real process with a ResNet18, keys and the prediction log; four visitors ask on and on, for
answers, explanations and metrics, with mistakes and with malice. Memory is looked at every ten
seconds; the slope is that of a line through all but the first tenth (least squares).
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.common.servers import Server, publish, running, tree_memory
from benchmarks.images.cleaning import thumbnails
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.browsers.visitors import Visitors

KEY = "a-key-for-the-benchmark"
EVERY = 10
PAUSE = 0.2
out = Console(width=110)


async def watched(server: Server, visitors: Visitors, seconds: float) -> list[tuple[float, int]]:
    """Seconds from the beginning and bytes of memory, while the visitors come."""
    coming = asyncio.ensure_future(visitors.come(seconds, pause=PAUSE))
    began = time.perf_counter()
    found = []
    with Progress(console=out) as progress:
        task = progress.add_task("soaking", total=seconds)
        while not coming.done():
            await asyncio.wait({coming}, timeout=EVERY)
            found.append((time.perf_counter() - began, tree_memory(server.pid)))
            progress.update(task, completed=found[-1][0])
    await coming
    return found


def show(found: list[tuple[float, int]], visitors: Visitors) -> None:
    """Two tables."""
    seconds, sizes = np.array(found[len(found) // 10 :]).T
    slope = np.polyfit(seconds / 3600, sizes / 1e6, 1)[0]
    table = Table("", "")
    table.add_row("visits", f"{visitors.seen.total()} in {found[-1][0] / 60:.0f} minutes")
    quarters = [f"{part.mean() / 1e6:.1f}" for part in np.array_split(sizes, 4)]
    table.add_row("memory, mean of each quarter", f"{', '.join(quarters)} MB")
    table.add_row("slope", f"{slope:+.1f} MB an hour")
    out.print(table)
    visits = Table("visits and how they ended", "number")
    for kind, number in sorted(visitors.seen.items()):
        visits.add_row(kind, f"{number}")
    out.print(visits)


def main(minutes: float) -> None:
    """Start the API, and let them come."""
    with tempfile.TemporaryDirectory() as name:
        store = open_store((Path(name) / "store").as_uri())
        publish(store, Path(name) / "weights.safetensors")
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(Path(name) / "home"),
            "DANDELION_API_KEYS": KEY,
        }
        with running(["serving"], environment, next(thumbnails()), KEY) as server:
            visitors = Visitors(f"http://127.0.0.1:{server.port}", KEY)
            show(asyncio.run(watched(server, visitors, minutes * 60)), visitors)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
