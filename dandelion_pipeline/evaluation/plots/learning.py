"""How training went."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import png, tidy
from dandelion_pipeline.training.history import EpochMetrics


def learning_curves(history: Sequence[EpochMetrics], best_epoch: int) -> bytes:
    """Loss and accuracy over the rounds; a line marks the one that was kept."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    epochs = [row.epoch for row in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part in ("train", "validation"):
            values = [getattr(row, f"{part}_{quantity}") for row in history]
            axes.plot(epochs, values, marker=".", label=part)
        axes.axvline(best_epoch, color="grey", linestyle=":", label=f"kept: {best_epoch}")
        axes.set(xlabel="round", title=quantity.capitalize())
        tidy(axes)
        axes.legend()
    return png(figure)
