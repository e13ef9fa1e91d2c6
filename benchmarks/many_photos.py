"""Whether time grows with the photos of a day alone, and memory not: 10,000 beside 100,000.

    python -m benchmarks.many_photos [fewer more]

Small generated photos, all different, go through `take_in` and `clean` on a store in a folder,
each in a process of its own, so that its peak memory is its own.
"""

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.images.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.images.intake import RAW_IMAGES, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.storage.tables import last_table, read_table, write_table

DAY = "2025-05-01"
SIZES = (10_000, 100_000)
STAGES = {"take_in": RAW_IMAGES, "clean": CLEAN_IMAGES}
MOST_TIME = 1.1
"""Seconds a photo, many to few: 11 times as long for 10 times as many."""

MOST_MEMORY = 1.2


def main(fewer: int, more: int) -> None:
    """Measure, and print one table."""
    few, many = run_all(fewer), run_all(more)
    table = Table("stage", f"{fewer:,} photos", f"{more:,} photos", "ratio", "bound", "holds")
    for stage in STAGES:
        for what, unit, bound in (
            ("seconds", "s", MOST_TIME * more / fewer),
            ("peak", "MiB", MOST_MEMORY),
        ):
            a, b = few[stage][what], many[stage][what]
            figures = (f"{a:.1f} {unit}", f"{b:.1f} {unit}", f"{b / a:.2f}", f"{bound:.1f}")
            table.add_row(stage, *figures, "yes" if b / a <= bound else "NO")
    Console().print(table)


def run_all(photos: int) -> dict[str, dict[str, float]]:
    """Each stage's figures, on a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url = Path(folder).as_uri()
        for _ in open_store(url).put_many(landing(photos)):
            pass
        return {stage: run(stage, url) for stage in STAGES}


def run(stage: str, url: str) -> dict[str, float]:
    """One stage in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.many_photos", stage, url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def landing(photos: int) -> Iterator[tuple[str, bytes]]:
    """Keys and JPEGs of 64 x 48 pixels: a hundred colours each, enlarged, with some noise."""
    rng = np.random.default_rng(5)
    for number in range(photos):
        colours = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
        pixels = np.asarray(colours.resize((64, 48), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(pixels + rng.integers(-12, 13, pixels.shape), 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(noisy).save(out, "JPEG")
        label = ("dandelion", "grass")[number % 2]
        yield layout.landing_photo(DAY, label, f"{number:06d}.jpg"), out.getvalue()


def work(stage: str, store: Store) -> None:
    """A stage as the pipeline's asset runs it, tables included."""
    before = last_table(store, layout.table(STAGES[stage], DAY))
    if stage == "take_in":
        made: pa.Table = take_in(store, DAY, before).table
    else:
        made = clean(store, read_table(store, layout.table(RAW_IMAGES, DAY)), before)
    write_table(store, layout.table(STAGES[stage], DAY), made)


def peak() -> float:
    """The most memory that this process had resident, MiB: VmHWM of proc(5).

    Not ``ru_maxrss``, which a process takes over from the one that started it.
    """
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in STAGES:  # noqa: PLR2004  a stage and its store
        opened, started = open_store(sys.argv[2]), time.perf_counter()
        work(sys.argv[1], opened)
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "peak": peak()}))
    else:
        main(*(map(int, sys.argv[1:]) if len(sys.argv) > 1 else SIZES))
