"""How well altered copies of photos are found again, and how the search grows.

The photos are those of ``../shared/data/dandelion-grass`` where they are, generated ones of the
same size elsewhere. Copies go into one batch with all originals. Recall: the share of copies in
the group of their original. Precision: the share of pairs in one group that show one picture.
The search is timed on blends of such fingerprints, each round in a process of its own.
"""

import json
import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from itertools import combinations

import numpy as np
import pyarrow as pa
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.common import example
from benchmarks.images.alterations import CHANGES
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import (
    Fingerprint,
    Fingerprints,
    fingerprint,
)
from dandelion_pipeline.images.near_duplicates.grouping import group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos

SIZES = ((0, 10_000), (0, 100_000), (10_000, 1_000), (100_000, 1_000))
"""Known and new photos of each timed search."""

SAME_PICTURE = {frozenset(two) for two in ((31, 101), (211, 372), (216, 290), (292, 397))}
"""Of the files there, by number: dandelion/00000031 and 101, grass/00000011 and 172, 16 and 90, 92
and 197 are parts of one picture, as the eye sees."""


def main() -> None:
    """Measure, and print two tables."""
    originals = photos()
    show_rates(originals)
    show_quality(originals)
    show_growth()


def photos() -> list[Image.Image]:
    """The originals."""
    return [decode(data).image for _, data in example.photos()]


def show_rates(originals: list[Image.Image]) -> None:
    """What a fingerprint costs, best of three."""
    large = [image.resize((1000, 750)) for image in originals[:40]]
    table = Table("fingerprints", "ms each")
    for name, images in (("275 x 183 pixels", originals), ("12 megapixels, decoded", large)):
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            for image in images:
                fingerprint(image)
            seconds.append((time.perf_counter() - started) / len(images))
        table.add_row(name, f"{1000 * min(seconds):.2f}")
    Console().print(table)


def show_quality(originals: list[Image.Image]) -> None:
    """Recall and precision of each change, and of all copies in one batch."""
    table = Table("copies", "recall", "precision", "pairs of two pictures")
    prints = [("original", number, fingerprint(image)) for number, image in enumerate(originals)]
    every = list(prints)
    for name, change in CHANGES.items():
        copies = [
            (name, number, fingerprint(change(image, random.Random(f"{name} {number}"))))  # noqa: S311
            for number, image in enumerate(originals)
        ]
        every += copies
        table.add_row(name, *quality(prints + copies))
    table.add_row("in one batch", *quality(every))
    Console().print(table)


def quality(batch: list[tuple[str, int, Fingerprint]]) -> tuple[str, str, str]:
    """Recall, precision, and the pairs of originals that were taken for one picture."""
    names = [f"{number:05d} {change}" for change, number, _ in batch]
    prints = Fingerprints.of([one for *_, one in batch])
    groups = group_photos(pa.array(names), prints, KnownPhotos.none()).group.to_pylist()
    found = dict(zip(names, groups, strict=True))
    members = defaultdict(list)
    for name, group in found.items():
        members[group].append(int(name[:5]))
    group_of = {int(name[:5]): found[name] for name in names if name.endswith("original")}
    copies = [name for name in names if not name.endswith("original")]
    together = sum(found[name] == group_of[int(name[:5])] for name in copies)
    pairs = [pair for group in members.values() for pair in combinations(group, 2)]
    same = SAME_PICTURE if example.FOLDER.exists() else set()
    wrong = [pair for pair in pairs if pair[0] != pair[1] and frozenset(pair) not in same]
    precision = 1 - len(wrong) / len(pairs)
    merged = sorted({(min(pair), max(pair)) for pair in wrong})
    return f"{together / len(copies):.4f}", f"{precision:.4f}", str(merged or "none")


def show_growth() -> None:
    """Time and memory of searches, each in a process of its own."""
    table = Table("known", "new", "seconds", "memory, MB")
    for known, new in SIZES:
        command = [sys.executable, "-m", "benchmarks.images.near_duplicates", str(known), str(new)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
        seconds, memory = json.loads(done.stdout)
        table.add_row(f"{known:,}", f"{new:,}", f"{seconds:.1f}", f"{memory:.0f}")
    Console().print(table)


def search(known: int, new: int) -> None:
    """Time one search, and print seconds and MB."""
    rng = np.random.default_rng(7)
    given = Fingerprints.of([fingerprint(image) for image in photos()])
    everything_of = blends(given, known + new, rng)
    names = pa.array([f"{number:064x}" for number in range(known + new)])
    older = KnownPhotos(names[:known], everything_of.take(np.arange(known)))
    newer = everything_of.take(np.arange(known, known + new))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    group_photos(names[known:], newer, older)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Console().print_json(json.dumps([seconds, (after - before) / 1024]))


def blends(given: Fingerprints, count: int, rng: np.random.Generator) -> Fingerprints:
    """Fingerprints of photos, each somewhat like four of those given."""
    detail = np.zeros((count, given.detail.shape[1]), np.float32)
    for _ in range(4):
        share = rng.standard_normal((count, 1), np.float32)
        detail += given.detail[rng.integers(len(given), size=count)] * share
    detail *= 24 / np.sqrt(np.square(detail).mean(axis=1, keepdims=True))
    detail = np.clip(np.rint(detail), -127, 127)
    return Fingerprints(rng.integers(2**63, size=count).astype(np.uint64), detail.astype(np.int8))


if __name__ == "__main__":
    if sys.argv[1:]:
        search(*map(int, sys.argv[1:]))
    else:
        main()
