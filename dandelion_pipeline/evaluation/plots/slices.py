"""Accuracy by slice: where the model is weak."""

from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import GREEN, GREY, RED, heading, plain, png, tidy
from dandelion_pipeline.release.manifest import Metrics


def slices_plot(metrics: Metrics) -> bytes:
    """Accuracy of each slice with its interval; red where all of it is below the whole's."""
    rows = metrics.slices[::-1]
    figure = Figure(figsize=(8, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(metrics.accuracy, color=GREY, linestyle=":", label="all test photos")
    for y, row in enumerate(rows):
        low, high = row.accuracy_interval or (row.accuracy, row.accuracy)
        color = RED if high < metrics.accuracy else GREEN
        axes.plot([low, high], [y, y], color=color, alpha=0.45, linewidth=3)
        axes.plot(row.accuracy, y, color=color, marker="o")
    names = [f"{row.by}: {plain(row.name)}  ({row.photos:,})" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlabel="accuracy, with 95 % intervals", xlim=(-0.02, 1.02))
    weak = "red: the whole interval is below the accuracy of all test photos"
    heading(axes, "Accuracy by slice", weak)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    tidy(axes)
    axes.legend(loc="lower left", fontsize=8)
    return png(figure)
