"""Reliability diagram: whether the model is as often right as it is confident."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import (
    GREEN,
    GREY,
    ORANGE,
    QUIET,
    heading,
    png,
    tidy,
)
from dandelion_pipeline.release.manifest import Calibration, CalibrationBin


def reliability_plot(calibration: Calibration, temperature: float) -> bytes:
    """Accuracy over confidence, before and after temperature scaling; bars are 95 % intervals."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    figure.suptitle("Reliability: is it as often right as it is confident?", fontweight="bold")
    before, after = figure.subplots(1, 2, sharey=True)
    lowest = min(part.confidence for part in (*calibration.bins, *calibration.bins_before))
    served = f"As served (temperature {temperature:.2f})"
    for axes, bins, color, title, error in (
        (before, calibration.bins_before, ORANGE, "Before calibration", calibration.ece_before),
        (after, calibration.bins, GREEN, served, calibration.ece),
    ):
        _draw(axes, bins, color)
        heading(axes, title, f"expected calibration error {error:.3f}")
        axes.set(xlabel="confidence", xlim=(min(0.5, lowest) - 0.02, 1.02))
    before.set(ylabel="accuracy", ylim=(-0.02, 1.02))
    figure.supxlabel(
        "On so few photos, a perfectly calibrated model would show "
        f"{calibration.ece_by_chance:.3f} by chance",
        fontsize=9,
        color=QUIET,
    )
    return png(figure)


def _draw(axes: Axes, bins: Sequence[CalibrationBin], color: str) -> None:
    for part in bins:
        if part.accuracy_interval is not None:
            axes.plot([part.confidence] * 2, part.accuracy_interval, color=color, alpha=0.45)
    axes.plot(
        [part.confidence for part in bins],
        [part.accuracy for part in bins],
        color=color,
        marker="o",
        linestyle="none",
        label="bins of equal size, 95 % intervals",
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="perfect calibration")
    tidy(axes)
    axes.legend(loc="lower right", fontsize=8)
