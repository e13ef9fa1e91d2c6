"""What other thresholds would give: ROC and precision-recall curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from dandelion_pipeline.evaluation.plots.canvas import GREY, plain, png, tidy
from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.statistics.calibration import Floats, Labels

_MOST_CURVES = 10


def roc_and_precision_recall(
    metrics: Metrics, classes: Sequence[str], labels: Labels, probabilities: Floats
) -> bytes:
    """Each class against the rest; of many classes the ten that are told apart worst.

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
        figures, name = metrics.per_class[classes[i]], plain(classes[i])
        is_class, chances = labels == i, probabilities[:, i]
        false, true, _ = roc_curve(is_class, chances)
        roc.plot(false, true, label=f"{name}: area {figures.roc_auc:.3f}")
        precision, recall, _ = precision_recall_curve(is_class, chances)
        precision_recall.step(
            recall, precision, where="post", label=f"{name}: area {figures.average_precision:.3f}"
        )
    roc.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="by chance: area 0.5")
    _label(roc, "ROC, a class against the rest", "false positives", "true positives")
    _label(precision_recall, "Precision and recall", "recall", "precision")
    return png(figure)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_aspect("equal")
    tidy(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right" if "ROC" in title else "lower left", fontsize=8)
