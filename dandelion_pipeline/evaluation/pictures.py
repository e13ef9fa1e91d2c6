"""All that is to be seen of an evaluation, as picture files."""

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

SAYS = {
    CONFUSION_MATRIX: "Test photos by given and predicted label",
    CURVES: "ROC and precision-recall curves of each class against the rest",
    RELIABILITY: "Accuracy over confidence, before and after temperature scaling",
    SLICES: "Accuracy by brightness, size, format, origin and day, with 95 % intervals",
    WORST_MISTAKES: "The photos that the model is surest about and wrong",
    GRAD_CAM: "Where the network finds what it says (Grad-CAM): mistakes, then photos that it gets "
    "right, from unsure to sure",
}
"""What each picture shows, in the order in which people look at them."""

_MOST_MISTAKES = 16
_EXPLAINED = 4  # photos that are got wrong, and as many that are got right

Chosen = npt.NDArray[np.intp]


def evaluation_pictures(
    store: Store, model: TrainedModel, scores: pa.Table, metrics: Metrics
) -> dict[str, bytes]:
    """Draw what can be drawn of a model's answers; what there is nothing of is left out.

    Args:
        store: where the test photos lie.
        model: the challenger.
        scores: as made by `scores.score`.
        metrics: as made of them by `scores.measure_both`.

    Returns:
        Files by name, in the order of `SAYS`.
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
    wrong, right = worst_first(labels, probabilities), spread(labels, probabilities, _EXPLAINED)
    shown = np.concatenate([wrong[:_MOST_MISTAKES], right])
    contents = read_photos(store, rows["sha256"].take(pa.array(shown)).to_pylist())
    preprocessing = model.record.preprocessing
    photos = [pixels_of(data, preprocessing) for data in contents]
    captions = [_caption(rows, labels, probabilities, model.record.classes, i) for i in shown]
    tiles = [
        plots.Tile(pixels, caption, right=bool(probabilities[i].argmax() == labels[i]))
        for pixels, caption, i in zip(photos, captions, shown, strict=True)
    ]
    mistakes, others = tiles[: len(tiles) - len(right)], tiles[len(tiles) - len(right) :]
    pictures = {WORST_MISTAKES: plots.tiles(mistakes)} if mistakes else {}
    if model.record.architecture == ARCHITECTURE:
        asked = np.concatenate([wrong[:_EXPLAINED], right])
        explained = [*mistakes[:_EXPLAINED], *others]
        pictures[GRAD_CAM] = _explained(model, explained, probabilities[asked].argmax(axis=1))
    return pictures


def _explained(model: TrainedModel, shown: Sequence[plots.Tile], said: Labels) -> bytes:
    pixels = np.stack([tile.pixels for tile in shown])
    heats = grad_cam(_network(model), model.record.preprocessing, pixels, said)
    return plots.tiles(
        [
            plots.Tile(tile.pixels, tile.caption, tile.right, heat)
            for tile, heat in zip(shown, heats, strict=True)
        ]
    )


def _network(model: TrainedModel) -> nn.Module:
    network = build_network(len(model.record.classes))
    network.load_state_dict(load(model.files[WEIGHTS_FILE]))
    return network.eval()


def worst_first(labels: Labels, probabilities: Floats) -> Chosen:
    """The rows that are got wrong, those first whose given label seems least likely."""
    given = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(given[wrong], kind="stable")]


def spread(labels: Labels, probabilities: Floats, most: int) -> Chosen:
    """Some rows that are got right, from the least to the most sure, evenly apart."""
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    ordered = right[np.argsort(probabilities[right].max(axis=1), kind="stable")]
    places = np.linspace(0, len(right) - 1, min(most, len(right))).round().astype(np.intp)
    return ordered[places]


def _caption(
    rows: pa.Table, labels: Labels, probabilities: Floats, classes: Sequence[str], i: int
) -> str:
    said = int(probabilities[i].argmax())
    name = rows["name"][i].as_py() or rows["sha256"][i].as_py()[:12]
    given = f"given {plain(classes[labels[i]])}\n" if said != labels[i] else ""
    return f"{plain(name)}\n{given}said {plain(classes[said], 18)} {probabilities[i, said]:.1%}"
