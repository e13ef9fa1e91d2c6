"""Whether time grows with the photos of a day alone, and memory not: 10,000 beside 100,000.

    python -m benchmarks.images.many_photos [fewer more]

Small generated photos, all different, go through the assets `raw_images` and `clean_images`, on a
store in a folder. Dagster materialises each in a process of its own, so that its memory is its own:
the peak is that of the run, and begins with what Dagster and the libraries take at its start.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.ingest.intake import RAW_IMAGES
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store

DAY = "2025-05-01"
SIZES = (10_000, 100_000)
ASSETS = (RAW_IMAGES, CLEAN_IMAGES)
MOST_TIME = 1.1
"""Seconds a photo, many to few: 11 times as long for 10 times as many."""

MOST_MEMORY = 1.2


def main(fewer: int, more: int) -> None:
    """Measure, and print one table."""
    few, many = run_all(fewer), run_all(more)
    table = Table("asset", f"{fewer:,} photos", f"{more:,} photos", "ratio", "bound", "holds")
    for asset in ASSETS:
        for what, unit, bound in (
            ("seconds", "s", MOST_TIME * more / fewer),
            ("peak", "MiB", MOST_MEMORY),
        ):
            a, b = few[asset][what], many[asset][what]
            figures = (f"{a:.1f} {unit}", f"{b:.1f} {unit}", f"{b / a:.2f}", f"{bound:.1f}")
            table.add_row(asset, *figures, "yes" if b / a <= bound else "NO")
        a, b = (each[asset]["peak"] - each[asset]["start"] for each in (few, many))
        a_photo = (b - a) / (more - fewer) * 1024
        table.add_row(asset, f"{a:.1f} MiB", f"{b:.1f} MiB", f"{a_photo:.2f} KiB a photo", "", "")
    Console().print(table)


def run_all(photos: int) -> dict[str, dict[str, float]]:
    """Each asset's figures, on a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DANDELION_HOME": folder, "DANDELION_STORE_URL": ""}
        for _ in open_store((Path(folder) / "store").as_uri()).put_many(landing(photos)):
            pass
        return {asset: run(asset, environment) for asset in ASSETS}


def run(asset: str, environment: dict[str, str]) -> dict[str, float]:
    """One asset in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.images.many_photos", asset]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
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


def materialise(asset: str) -> dict[str, float]:
    """Materialise a day of an asset as a Dagster run does, and measure this process meanwhile."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak so far is forgotten
    start, started = resident("VmRSS"), time.perf_counter()
    with dg.DagsterInstance.ephemeral() as instance:
        add_days(instance, photo_days, [DAY])
        defs.resolve_job_def("ingestion_job").execute_in_process(
            instance=instance, partition_key=DAY, asset_selection=[dg.AssetKey(asset)]
        )
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "start": start, "peak": resident("VmHWM")}


def resident(which: str) -> float:
    """Memory that this process has resident, or had at most; MiB, from proc(5)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition(f"{which}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in ASSETS:
        sys.stdout.write(json.dumps(materialise(sys.argv[1])))
    else:
        main(*(map(int, sys.argv[1:]) if len(sys.argv) > 1 else SIZES))
