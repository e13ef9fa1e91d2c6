"""How many photos of a set are joined, and how well altered copies are found in it.

    python -m benchmarks.images.near_duplicates_of_sets [FOLDER | KIND | KIND@PHOTOS]…

A folder holds class folders, a kind is one of `generated_sets.KINDS`; without arguments, all kinds.
``KIND@PHOTOS`` draws 20 sets of so many photos and prints ``wrong`` alone, at the mean. ``wrong``:
the share of photos in a group of another picture; of a folder it is not known, so the share that is
joined at all is printed beside it. Copies of 100 photos, each altered in one way, go into one batch
with all photos.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.images.alterations import CHANGES
from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import (
    Fingerprint,
    Fingerprints,
    fingerprint,
)
from dandelion_pipeline.images.near_duplicates.grouping import Memberships, group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos
from dandelion_pipeline_tests.data.generated_sets import KINDS, generate, picture_of

PLANTED = 100
SMALL_SETS = 20
HARD = ("5 % off each side", "all at once")
FORMATS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Seen:
    """A photo of a set."""

    picture: str
    """Photos of one picture are near-duplicates."""

    file: Path
    print: Fingerprint


def main(names: Sequence[str]) -> None:
    """Print one table."""
    columns = "set photos seconds power ratio joined wrong groups largest recall precision"
    hard = (f"recall, {change}" for change in HARD)
    table = Table(*columns.split(), *hard)
    for name in names or KINDS:
        if "@" in name:
            kind, photos = name.split("@")
            Console().print(f"{name}: wrong {wrong_in_small_sets(kind, int(photos)):.4f}")
            continue
        with TemporaryDirectory() as made:
            folder = Path(name)
            if name in KINDS:
                folder = Path(made)
                generate(name, folder)
            table.add_row(name, *row(photos_in(folder, is_generated=name in KINDS)))
    if table.row_count:
        Console(width=200).print(table)


def wrong_in_small_sets(kind: str, photos: int) -> float:
    """The share of photos in a group of another picture, at the mean of some sets."""
    shares = []
    for seed in range(SMALL_SETS):
        with TemporaryDirectory() as made:
            generate(kind, Path(made), photos, seed)
            seen = photos_in(Path(made), is_generated=True)
        names = [f"{number:06d}" for number in range(len(seen))]
        shares.append(share_of_wrong(seen, grouped(names, seen).group.to_pylist()))
    return sum(shares) / len(shares)


def share_of_wrong(photos: list[Seen], groups: list[str]) -> float:
    """How many photos are in a group that is called after one of another picture."""
    pairs = zip(groups, photos, strict=True)
    return sum(photos[int(group)].picture != one.picture for group, one in pairs) / len(photos)


def photos_in(folder: Path, *, is_generated: bool) -> list[Seen]:
    """Those of a folder that can be read."""
    found = []
    for file in sorted(folder.glob("*/*")):
        if file.suffix.lower() in FORMATS:
            try:
                image = decode(file.read_bytes()).image
            except DandelionError:
                continue
            picture = picture_of(file.name) if is_generated else str(file)
            found.append(Seen(picture, file, fingerprint(image)))
    return found


def row(photos: list[Seen]) -> list[str]:
    """The figures of one set."""
    names = [f"{number:06d}" for number in range(len(photos))]
    started = time.perf_counter()
    found = grouped(names, photos)
    seconds = time.perf_counter() - started
    groups = found.group.to_pylist()
    sizes = Counter(groups)
    joined = sum(size for size in sizes.values() if size > 1)
    background = found.background
    figures = [f"{len(photos):,}", f"{seconds:.1f}"]
    figures += [f"{background.power:.1f}", f"{background.ratio:.1f}"] if background else ["", ""]
    figures += [f"{joined / len(photos):.4f}", f"{share_of_wrong(photos, groups):.4f}"]
    figures += [f"{len(sizes):,}", str(max(sizes.values()))]
    easy = [planted(names, photos, change) for change in CHANGES if change not in HARD]
    hard = [planted(names, photos, change) for change in HARD]
    figures += [f"{sum(part) / len(easy):.3f}" for part in zip(*easy, strict=True)]
    return figures + [f"{recall:.3f}" for recall, _ in hard]


def grouped(names: list[str], photos: list[Seen]) -> Memberships:
    """One batch of them."""
    prints = Fingerprints.of([one.print for one in photos])
    return group_photos(pa.array(names), prints, KnownPhotos.none())


def planted(names: list[str], photos: list[Seen], change: str) -> tuple[float, float]:
    """Recall and precision of the copies of some photos, altered in one way."""
    chance = random.Random(change)  # noqa: S311
    chosen = sorted(chance.sample(range(len(photos)), min(PLANTED, len(photos))))
    copies = []
    for number in chosen:
        image = decode(photos[number].file.read_bytes()).image
        print_of = fingerprint(CHANGES[change](image, chance))
        copies.append(Seen(photos[number].picture, photos[number].file, print_of))
    every = [*photos, *copies]
    named = [*names, *(f"{number:06d} copy" for number in chosen)]
    groups = grouped(named, every).group.to_pylist()
    of_copies = groups[len(photos) :]
    recall = sum(groups[number] == copy for number, copy in zip(chosen, of_copies, strict=True))
    group_sizes = Counter(groups)
    of_one_picture = Counter((group, one.picture) for group, one in zip(groups, every, strict=True))
    pairs = sum(size * (size - 1) for size in group_sizes.values())
    right = sum(size * (size - 1) for size in of_one_picture.values())
    return recall / len(chosen), right / pairs if pairs else 1.0


if __name__ == "__main__":
    main(sys.argv[1:])
