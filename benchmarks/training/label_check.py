"""How well planted wrong labels are found, and how fast photos are embedded.

``python -m benchmarks.training.label_check [FOLDER]``: a folder of one folder per label, by default
``../shared/data/dandelion-grass`` where it is, generated photos of the same size elsewhere.
5 % of the labels are changed. AP: the average precision of the ranking, worst label first,
if the changed ones are what should be found; mistakes that were there before count against
it. Both rankings are made from the same cross-validated probabilities.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cleanlab.rank import get_label_quality_scores
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score

from benchmarks.common import example
from dandelion_pipeline.dataset.labels.label_quality import FOLDS, cross_validated, label_quality
from dandelion_pipeline.embeddings.embedding import Embedder, backbone_embedder
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints, fingerprint
from dandelion_pipeline.images.near_duplicates.grouping import group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos

SEEDS = range(5)
CHANGED = 0.05
ROUNDS = 3
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """Photos in memory, their labels by number, and their near-duplicate groups."""

    images: list[Image.Image]
    labels: Labels
    groups: list[str]


def main() -> None:
    """Measure, and print two tables."""
    photos = read(Path(sys.argv[1]) if sys.argv[1:] else None)
    embedder = backbone_embedder("cpu")
    features = embedder.embed(photos.images)
    table = Table("seed", "AP ours", "AP cleanlab's default")
    show(table, [found(photos, features, seed) for seed in SEEDS])
    Console().print(table)
    show_rate(photos, embedder)


def read(folder: Path | None) -> Photos:
    """Decode the photos of a folder; without one, those of the example."""
    if folder is None:
        files = list(example.photos())
    else:
        files = [(path.parent.name, path.read_bytes()) for path in sorted(folder.glob("*/*"))]
    images = [decode(data).image for _, data in files]
    _, labels = np.unique([label for label, _ in files], return_inverse=True)
    names = pa.array([f"{number:06d}" for number in range(len(images))])
    prints = Fingerprints.of([fingerprint(image) for image in images])
    groups = group_photos(names, prints, KnownPhotos.none()).group.to_pylist()
    return Photos(images, labels, groups)


def changed(labels: Labels, seed: int) -> tuple[Labels, npt.NDArray[np.bool_]]:
    """Labels of which some are others, and which ones these are."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(labels), dtype=bool)
    wrong[rng.choice(len(labels), round(CHANGED * len(labels)), replace=False)] = True
    classes = labels.max() + 1
    other = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(wrong, other, labels), wrong


def found(photos: Photos, features: npt.NDArray[np.float32], seed: int) -> tuple[float, float]:
    """The average precision of our ranking, and of cleanlab's default."""
    labels, wrong = changed(photos.labels, seed)
    probabilities = cross_validated(features, labels, photos.groups, FOLDS)
    rankings = (
        label_quality(labels, probabilities),
        get_label_quality_scores(labels, probabilities),
    )
    ours, theirs = (float(average_precision_score(wrong, -quality)) for quality in rankings)
    return ours, theirs


def show(table: Table, results: list[tuple[float, float]]) -> None:
    """A row for each seed, and one of means."""
    for seed, (ours, theirs) in enumerate(results):
        table.add_row(str(seed), f"{ours:.3f}", f"{theirs:.3f}")
    ours, theirs = np.mean(results, axis=0)
    table.add_row("mean", f"{ours:.3f}", f"{theirs:.3f}", style="bold", end_section=True)


def show_rate(photos: Photos, embedder: Embedder) -> None:
    """Photos per second of the embedding, decoding aside."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        embedder.embed(photos.images)
        seconds.append(time.perf_counter() - started)
    rate = len(photos.images) / min(seconds)
    Console().print(f"{len(photos.images)} photos embedded in {min(seconds):.1f} s, {rate:.0f}/s")


if __name__ == "__main__":
    main()
