"""Plots as PNG bytes, for MLflow and for Dagster's metadata."""

import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.training.train import EpochMetrics

_DPI = 110


def learning_curves(history: Sequence[EpochMetrics], best_epoch: int) -> bytes:
    """Loss and accuracy over the epochs; a line marks the epoch that was kept."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    epochs = [row.epoch for row in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part in ("train", "validation"):
            values = [getattr(row, f"{part}_{quantity}") for row in history]
            axes.plot(epochs, values, marker=".", label=part)
        axes.axvline(best_epoch, color="grey", linestyle=":", label=f"kept: epoch {best_epoch}")
        axes.set(xlabel="epoch", title=quantity.capitalize())
        axes.grid(alpha=0.3)
        axes.legend()
    return _png(figure)


def confusion_matrix(metrics: Metrics, classes: Sequence[str]) -> bytes:
    """Test photos by given and predicted label."""
    side = 2.2 + 0.8 * len(classes)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(metrics.confusion, cmap="Greens", vmin=0)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=30, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="given label")
    axes.set_title(f"{metrics.accuracy:.1%} of {metrics.test_photos} test photos", fontsize=10)
    most = max(map(max, metrics.confusion))
    for i, row in enumerate(metrics.confusion):
        for j, count in enumerate(row):
            color = "white" if count > most / 2 else "black"
            axes.text(j, i, str(count), ha="center", va="center", color=color)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
