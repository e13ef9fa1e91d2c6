"""How fast photos are decoded, measured and fingerprinted, beside CleanVision on the same files.

    python -m benchmarks.images.cleaning [large photos]

The thumbnails of ``../shared/data/dandelion-grass`` (generated ones elsewhere), and photos of
12 megapixels that are made of them. Both contenders have the same two cores, and look for the
same: too dark, too bright, blurred, little information, odd sizes and shapes, duplicates. In turn,
the best of the rounds counts.
"""

import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.common import example
from dandelion_pipeline.dataset.cleaning.groups import group_columns
from dandelion_pipeline.dataset.cleaning.measuring import MEASURED_SCHEMA, measure_photos

CORES = 2
THUMBNAILS = 400
LARGE = 200
LARGE_SIZE = (4000, 3000)
ROUNDS = {"thumbnails": 3, "12 megapixels": 1}
TARGETS = {"thumbnails": 5, "12 megapixels": 20}
ISSUES = (
    *("dark", "light", "blurry", "low_information", "odd_size", "odd_aspect_ratio"),
    *("exact_duplicates", "near_duplicates"),
)


def main(large: int) -> None:
    """Measure, and print one table."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    table = Table("photos/s on two cores", "files", "MB each", "ours", "CleanVision", "x", "target")
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            "thumbnails": write(Path(folder) / "small", thumbnails()),
            "12 megapixels": write(Path(folder) / "large", islice(large_photos(), large)),
        }
        for name, files in sets.items():
            ours, theirs = 0.0, 0.0
            for _ in range(ROUNDS[name]):
                ours = max(ours, rate(measured, files))
                theirs = max(theirs, rate(clean_vision, files))
            size = sum(file.stat().st_size for file in files) / len(files) / 1e6
            figures = (f"{size:.2f}", f"{ours:.0f}", f"{theirs:.1f}", f"{ours / theirs:.1f}")
            table.add_row(name, f"{len(files)}", *figures, f"{TARGETS[name]}")
    Console().print(table)


def measured(files: Sequence[Path]) -> None:
    """What `clean_images` does with photos between reading them and writing its table."""
    contents = (file.read_bytes() for file in files)
    rows = list(measure_photos(contents))
    hashes = pa.array([file.name for file in files])
    group_columns(hashes, pa.Table.from_pylist(rows, schema=MEASURED_SCHEMA), None, [])


def clean_vision(files: Sequence[Path]) -> None:
    """CleanVision, in as many processes."""
    try:
        from cleanvision import Imagelab  # noqa: PLC0415  the rest runs without it
    except ImportError:
        sys.exit("error: CleanVision is not installed\n   do: pip install cleanvision")
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        lab = Imagelab(filepaths=[str(file) for file in files], verbose=False)
        lab.find_issues({issue: {} for issue in ISSUES}, n_jobs=CORES, verbose=False)


def rate(work: Callable[[Sequence[Path]], None], files: Sequence[Path]) -> float:
    """Photos per second."""
    started = time.perf_counter()
    work(files)
    return len(files) / (time.perf_counter() - started)


def write(folder: Path, photos: Iterator[bytes]) -> list[Path]:
    """Write photos to a folder; their paths."""
    folder.mkdir()
    files = []
    for number, data in enumerate(photos):
        files.append(folder / f"{number:04d}.jpg")
        files[-1].write_bytes(data)
    return files


def thumbnails() -> Iterator[bytes]:
    """400 photos of some 275 x 183 pixels."""
    yield from (data for _, data in islice(example.photos(), THUMBNAILS))


def large_photos() -> Iterator[bytes]:
    """JPEGs of 12 megapixels, each an enlarged thumbnail with detail, and light across it.

    The detail is the thumbnail again, as small tiles, and the noise of a sensor: it makes the
    files as large as those of a phone, 3 to 4 MB.
    """
    rng = np.random.default_rng(3)
    width, height = LARGE_SIZE
    noise = rng.normal(0, 5, (height, width)).astype(np.int16)
    light = np.linspace(-20, 20, width).astype(np.int16)
    for data in cycle(list(islice(thumbnails(), 0, THUMBNAILS, 7))):
        with Image.open(io.BytesIO(data)) as opened:
            thumbnail = opened.convert("RGB")
        pixels = np.asarray(thumbnail.resize(LARGE_SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
        tile = np.asarray(thumbnail.resize((1000, 750), Image.Resampling.BICUBIC), dtype=np.int16)
        detail = np.tile(tile.mean(axis=2).astype(np.int16) // 4, (4, 4))
        grain = np.roll(noise, rng.integers(height), axis=0) + light + detail - 32
        out = io.BytesIO()
        photo = np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(out, "JPEG", quality=92)
        yield out.getvalue()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE)
