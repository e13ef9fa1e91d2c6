"""Learning curves."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import heading, png, tidy
from dandelion_pipeline.training.history import EpochMetrics

_EXPLAINED = {
    "loss": "mean cross-entropy in nats; lower is better",
    "accuracy": "share of the photos that it gets right",
}


def learning_curves(history: Sequence[EpochMetrics], unit: str = "epoch") -> bytes:
    """Loss and accuracy by epoch or round.

    Args:
        history: one row an epoch or round.
        unit: what a row is of, as `budget.Plan.unit` says.
    """
    figure = Figure(figsize=(9, 3.7), layout="constrained")
    epochs = [row.epoch for row in history]
    for axes, quantity in zip(figure.subplots(1, 2), _EXPLAINED, strict=True):
        for part in ("train", "validation"):
            values = [getattr(row, f"{part}_{quantity}") for row in history]
            axes.plot(epochs, values, marker=".", label=part)
        axes.set(xlabel=unit)
        heading(axes, quantity.capitalize(), _EXPLAINED[quantity])
        tidy(axes)
        axes.legend()
    return png(figure)
