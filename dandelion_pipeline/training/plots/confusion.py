"""What is taken for what."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.training.plots.canvas import plain, png


def confusion_matrix(metrics: Metrics, classes: Sequence[str]) -> bytes:
    """Test photos by given and predicted label."""
    side = 2.2 + 0.8 * len(classes)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(metrics.confusion, cmap="Greens", vmin=0)
    names, ticks = [plain(label) for label in classes], range(len(classes))
    axes.set_xticks(ticks, names, rotation=30, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="given label")
    axes.set_title(f"{metrics.accuracy:.1%} of {metrics.test_photos} test photos", fontsize=10)
    most = max(map(max, metrics.confusion))
    for i, row in enumerate(metrics.confusion):
        for j, count in enumerate(row):
            color = "white" if count > most / 2 else "black"
            axes.text(j, i, str(count), ha="center", va="center", color=color)
    return png(figure)
