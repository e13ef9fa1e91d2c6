"""The plots and photos of an evaluation, as picture files."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from safetensors.torch import load
from torch import nn

from dandelion_pipeline.evaluation import plots
from dandelion_pipeline.evaluation.gradcam import grad_cam
from dandelion_pipeline.evaluation.metrics import answers
from dandelion_pipeline.evaluation.plots.canvas import plain
from dandelion_pipeline.evaluation.scores import challenger_rows
from dandelion_pipeline.images.decoding.preprocess import pixels_of
from dandelion_pipeline.networks.resnet import ARCHITECTURE, build_network
from dandelion_pipeline.release.manifest import WEIGHTS_FILE, Metrics
from dandelion_pipeline.statistics.calibration import Floats, Labels
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel

CONFUSION_MATRIX = "confusion_matrix.png"
CURVES = "roc_and_precision_recall.png"
RELIABILITY = "reliability.png"
SLICES = "slices.png"
WORST_MISTAKES = "worst_mistakes.jpeg"
GRAD_CAM = "grad_cam.jpeg"

CAPTIONS = {
    CONFUSION_MATRIX: "Confusion matrix: test photos by given and predicted label",
    CURVES: "ROC and precision-recall curves: each class against the rest, at every threshold",
    RELIABILITY: "Reliability: accuracy over confidence, before and after temperature scaling",
    SLICES: "Slices: accuracy by brightness, size, format, origin and day, with 95 % intervals",
    WORST_MISTAKES: "Worst mistakes: wrong predictions with the highest confidence",
    GRAD_CAM: "Grad-CAM: the parts of a photo that speak for the prediction; mistakes first, then "
    "correct predictions, from least to most confident",
}
"""What each picture shows, in the order in which people look at them."""

_MOST_MISTAKES = 16
_EXPLAINED = 4  # photos that are predicted wrong, and as many that are predicted right

_LONGEST_PREDICTED = 14  # letters of a class that fit beside its probability

Chosen = npt.NDArray[np.intp]


def evaluation_pictures(
    store: Store, model: TrainedModel, scores: pa.Table, metrics: Metrics
) -> dict[str, bytes]:
    """Draw a model's predictions; pictures that would be empty are left out.

    Args:
        store: where the test photos lie.
        model: the challenger.
        scores: as made by `scores.score`.
        metrics: as made of them by `scores.measure_both`.

    Returns:
        Files by name, in the order of `CAPTIONS`.
    """
    classes, rows = model.record.classes, challenger_rows(scores)
    labels, probabilities = answers(rows, classes)
    pictures = {
        CONFUSION_MATRIX: plots.confusion_matrix(metrics, classes),
        CURVES: plots.roc_and_precision_recall(metrics, classes, labels, probabilities),
    }
    if metrics.calibration is not None:
        pictures[RELIABILITY] = plots.reliability_plot(
            metrics.calibration, model.record.temperature
        )
    if metrics.slices:
        pictures[SLICES] = plots.slices_plot(metrics)
    return pictures | _of_photos(store, model, rows, labels, probabilities)


def _of_photos(
    store: Store, model: TrainedModel, rows: pa.Table, labels: Labels, probabilities: Floats
) -> dict[str, bytes]:
    wrong = worst_first(labels, probabilities)
    correct = spread(labels, probabilities, _EXPLAINED)
    shown = np.concatenate([wrong[:_MOST_MISTAKES], correct])
    contents = read_photos(store, rows["sha256"].take(pa.array(shown)).to_pylist())
    preprocessing = model.record.preprocessing
    photos = [pixels_of(data, preprocessing) for data in contents]
    captions = [_caption(rows, labels, probabilities, model.record.classes, i) for i in shown]
    tiles = [
        plots.Tile(pixels, caption, correct=bool(probabilities[i].argmax() == labels[i]))
        for pixels, caption, i in zip(photos, captions, shown, strict=True)
    ]
    mistakes, others = tiles[: len(tiles) - len(correct)], tiles[len(tiles) - len(correct) :]
    pictures = {WORST_MISTAKES: plots.tiles(mistakes)} if mistakes else {}
    if model.record.architecture == ARCHITECTURE:
        rows_explained = np.concatenate([wrong[:_EXPLAINED], correct])
        predicted = probabilities[rows_explained].argmax(axis=1)
        pictures[GRAD_CAM] = _explained(model, [*mistakes[:_EXPLAINED], *others], predicted)
    return pictures


def _explained(model: TrainedModel, shown: Sequence[plots.Tile], predicted: Labels) -> bytes:
    pixels = np.stack([tile.pixels for tile in shown])
    heats = grad_cam(_network(model), model.record.preprocessing, pixels, predicted)
    return plots.tiles(
        [
            plots.Tile(tile.pixels, tile.caption, tile.correct, heat)
            for tile, heat in zip(shown, heats, strict=True)
        ]
    )


def _network(model: TrainedModel) -> nn.Module:
    network = build_network(len(model.record.classes))
    network.load_state_dict(load(model.files[WEIGHTS_FILE]))
    return network.eval()


def worst_first(labels: Labels, probabilities: Floats) -> Chosen:
    """The rows that are predicted wrong, those with the least likely given label first."""
    given = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(given[wrong], kind="stable")]


def spread(labels: Labels, probabilities: Floats, most: int) -> Chosen:
    """Some rows that are predicted right, from least to most confident, evenly apart."""
    correct = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    ordered = correct[np.argsort(probabilities[correct].max(axis=1), kind="stable")]
    places = np.linspace(0, len(correct) - 1, min(most, len(correct))).round().astype(np.intp)
    return ordered[places]


def _caption(
    rows: pa.Table, labels: Labels, probabilities: Floats, classes: Sequence[str], i: int
) -> str:
    predicted = int(probabilities[i].argmax())
    name = rows["name"][i].as_py() or rows["sha256"][i].as_py()[:12]
    given = f"given {plain(classes[labels[i]])}\n" if predicted != labels[i] else ""
    label, share = plain(classes[predicted], _LONGEST_PREDICTED), probabilities[i, predicted]
    return f"{plain(name)}\n{given}predicted {label} {share:.1%}"
