"""What all plots share: colours, headings, text that comes from outside, and the way to a file."""

import io
import warnings

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

GREEN, ORANGE, GREY, RED = "#3d7a2e", "#c9752d", "#8a8f85", "#b3261e"
QUIET = "#5a6256"
_DPI = 110
_LONGEST = 24


def plain(text: str, longest: int = _LONGEST) -> str:
    """A name from outside as one short line in which nothing is a formula."""
    line = "".join(c if c.isprintable() else "?" for c in text).replace("$", r"\$")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def heading(axes: Axes, term: str, explanation: str) -> None:
    """The field's term above a plot, and under it what it means in plain words."""
    axes.set_title(term, fontsize=12, fontweight="bold", pad=8 + 12 * len(explanation.split("\n")))
    words = axes.annotate(
        explanation,
        (0.5, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9,
        color=QUIET,
    )
    words.set_in_layout(False)  # the title's distance makes room for it


def tidy(axes: Axes) -> None:
    """A quiet frame and grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, for lines and text."""
    return _saved(figure, "png")


def jpeg(figure: Figure) -> bytes:
    """The figure as a JPEG file, for photos: a tenth of the PNG."""
    return _saved(figure, "jpeg")


def _saved(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # Class names in scripts that the font lacks come out as boxes, and that is no failure.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=_DPI)
    return buffer.getvalue()
