"""Whether probabilities mean what they say."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import GREEN, GREY, ORANGE, png, tidy
from dandelion_pipeline.release.manifest import Calibration, CalibrationBin


def reliability_plot(calibration: Calibration, temperature: float) -> bytes:
    """Accuracy over confidence, before and after temperature scaling; bars are 95 % intervals."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    before, after = figure.subplots(1, 2, sharey=True)
    lowest = min(part.confidence for part in (*calibration.bins, *calibration.bins_before))
    for axes, bins, color, title in (
        (before, calibration.bins_before, ORANGE, f"Before: error {calibration.ece_before:.3f}"),
        (
            after,
            calibration.bins,
            GREEN,
            f"As served, at temperature {temperature:.2f}: error {calibration.ece:.3f}",
        ),
    ):
        _draw(axes, bins, color)
        axes.set(title=title, xlabel="confidence", xlim=(min(0.5, lowest) - 0.02, 1.02))
        axes.title.set_fontsize(10)
    before.set(ylabel="accuracy", ylim=(-0.02, 1.02))
    figure.supxlabel(
        f"By chance alone, true probabilities would show {calibration.ece_by_chance:.3f} "
        f"on so few photos",
        fontsize=9,
        color=GREY,
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
        label="bins of equally many photos",
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="true probabilities")
    tidy(axes)
    axes.legend(loc="lower right", fontsize=8)
