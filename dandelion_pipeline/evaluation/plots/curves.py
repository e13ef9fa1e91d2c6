"""ROC and precision-recall curves: what other thresholds would give."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from dandelion_pipeline.evaluation.plots.canvas import GREY, heading, plain, png, tidy
from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.statistics.calibration import Floats, Labels

_MOST_CURVES = 10


def roc_and_precision_recall(
    metrics: Metrics, classes: Sequence[str], labels: Labels, probabilities: Floats
) -> bytes:
    """Each class against the rest; of many classes the ten with the lowest ROC AUC.

    Args:
        metrics: their areas.
        classes: in the order of the probabilities.
        labels: given labels as numbers of classes, shape ``(N,)``.
        probabilities: shape ``(N, classes)``.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    areas = {i: metrics.per_class[label].roc_auc for i, label in enumerate(classes)}
    known = sorted((area, i) for i, area in areas.items() if area is not None)
    shown = [i for _, i in known[:_MOST_CURVES]]
    for i in sorted(shown):
        scores, name = metrics.per_class[classes[i]], plain(classes[i])
        is_class, chances = labels == i, probabilities[:, i]
        false, true, _ = roc_curve(is_class, chances)
        roc.plot(false, true, label=f"{name}: AUC {scores.roc_auc:.3f}")
        precision, recall, _ = precision_recall_curve(is_class, chances)
        precision_recall.step(
            recall, precision, where="post", label=f"{name}: AP {scores.average_precision:.3f}"
        )
    roc.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="chance: AUC 0.5")
    heading(roc, "ROC curves", "each class against the rest, at every threshold")
    heading(precision_recall, "Precision-recall curves", "precision at each share that is found")
    _finish(roc, "false positive rate", "true positive rate (recall)", "lower right")
    _finish(precision_recall, "recall", "precision", "lower left")
    return png(figure)


def _finish(axes: Axes, x: str, y: str, legend: Literal["lower left", "lower right"]) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_aspect("equal")
    tidy(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=legend, fontsize=8)
