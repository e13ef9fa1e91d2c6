"""Confusion matrix."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import heading, plain, png
from dandelion_pipeline.release.manifest import Metrics

MOST_CLASSES = 20
"""Of more, those with the most mistakes are drawn: 100 classes took 3.5 GiB of memory and a picture
of 9,000 pixels, which nobody can read."""


def confusion_matrix(metrics: Metrics, classes: Sequence[str]) -> bytes:
    """Test photos by given and predicted label; of many classes, those with the most mistakes."""
    confusion = np.array(metrics.confusion)
    shown = worst_classes(confusion)
    part = confusion[np.ix_(shown, shown)]
    side = 2.2 + 0.8 * len(shown)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(part, cmap="Greens", vmin=0)
    names, ticks = [plain(classes[i]) for i in shown], range(len(shown))
    axes.set_xticks(ticks, names, rotation=30, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted label", ylabel="given label")
    some = len(shown) < len(classes)
    which = f"\nthe {len(shown)} of {len(classes)} classes with the most mistakes" if some else ""
    share = f"accuracy {metrics.accuracy:.1%} on {metrics.test_photos} test photos"
    heading(axes, "Confusion matrix", f"what it takes for what\n{share}{which}")
    most = int(part.max())
    for i, row in enumerate(part):
        for j, count in enumerate(row):
            color = "white" if count > most / 2 else "black"
            axes.text(j, i, str(count), ha="center", va="center", color=color, in_layout=False)
    return png(figure)


def worst_classes(confusion: npt.NDArray[np.int_]) -> Sequence[int]:
    """The classes with the most errors, as given or as predicted label, in their order."""
    errors = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * confusion.diagonal()
    worst = np.argsort(-errors, kind="stable")[:MOST_CLASSES]
    return sorted(worst.tolist())
