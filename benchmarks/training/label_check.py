"""How well planted wrong labels are found, and how fast photos are embedded.

``python -m benchmarks.training.label_check [FOLDER]``: a folder of one folder per label, by default
``../shared/data/dandelion-grass`` where it is, generated photos of the same size elsewhere.
5 % of the labels are changed. AP: the average precision of the ranking, worst label first,
if the changed ones are what should be found; mistakes that were there before count against
it. Both rankings are made from the same cross-validated probabilities.
"""

import sys
import time
from collections.abc import Callable
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
from dandelion_pipeline.embeddings.embedding import UNTRAINED, Embedder, untrained_embedder
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import prepare
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprints, fingerprint
from dandelion_pipeline.images.near_duplicates.grouping import group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos
from dandelion_pipeline.networks.graphs import predict
from dandelion_pipeline.networks.resnet import build_network
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.export.onnx_graphs import export_onnx
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.loop import Training, train

SEEDS = range(5)
TRAINED = range(1)
"""Seeds for which a network is trained too, which takes half a minute each."""

CHANGED = 0.05
ROUNDS = 3
QUICK = TrainingConfig(epochs=6, size=64, device="cpu")
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
    untrained = untrained_embedder("cpu")
    features = untrained.embed(photos.images)
    table = Table("network", "seed", "AP ours", "AP cleanlab's default")
    show(table, UNTRAINED, [found(photos, features, seed) for seed in SEEDS])
    show(table, "trained on them", [found(photos, trained(photos, s), s) for s in TRAINED])
    Console().print(table)
    show_rates(photos, untrained)


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


def trained(photos: Photos, seed: int) -> npt.NDArray[np.float32]:
    """What a network sees that was trained quickly, wrong labels included."""
    labels, _ = changed(photos.labels, seed)
    pixels = np.stack([prepare(image, QUICK.preprocessing) for image in photos.images])
    training = TrainingPhotos.of(photos.images, labels, QUICK.size)
    validation = PreparedPhotos(pixels[::10], labels[::10])
    classes = int(labels.max()) + 1
    network = train(Training(training, validation, classes, QUICK), lambda row: None)
    return Embedder.of("trained", QUICK.preprocessing, network, "cpu").embed_prepared(pixels)


def show(table: Table, network: str, results: list[tuple[float, float]]) -> None:
    """A row for each seed, and one of means."""
    for seed, (ours, theirs) in enumerate(results):
        table.add_row(network, str(seed), f"{ours:.3f}", f"{theirs:.3f}")
    ours, theirs = np.mean(results, axis=0)
    table.add_row(network, "mean", f"{ours:.3f}", f"{theirs:.3f}", style="bold", end_section=True)


def show_rates(photos: Photos, embedder: Embedder) -> None:
    """Photos per second of the embedding, and of the engine on the same network and pixels."""
    pixels = np.stack([prepare(image, embedder.preprocessing) for image in photos.images])
    model = export_onnx(build_network(classes=2).eval(), embedder.preprocessing)
    engine = rate(lambda: predict(model, pixels), len(pixels))
    embedding = rate(lambda: embedder.embed_prepared(pixels), len(pixels))
    table = Table("embedding, photos/s", "the engine's prediction, photos/s", "share")
    table.add_row(f"{embedding:.0f}", f"{engine:.0f}", f"{embedding / engine:.2f}")
    Console().print(table)


def rate(work: Callable[[], object], photos: int) -> float:
    """Photos per second, best of `ROUNDS`."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return photos / min(seconds)


if __name__ == "__main__":
    main()
