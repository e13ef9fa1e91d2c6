"""Photos in a grid, each with its caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from dandelion_pipeline.evaluation.plots.canvas import GREEN, RED, jpeg

_COLUMNS = 4  # two, if each photo has its heat map beside it
_SIDE, _CAPTION = 1.8, 0.6  # inches


@dataclass(frozen=True)
class Tile:
    """One photo."""

    pixels: npt.NDArray[np.uint8]
    """Shape ``(H, W, 3)``."""

    caption: str
    """Lines of text; names in it went through `canvas.plain`."""

    correct: bool
    """Whether the prediction is correct, which gives the caption its colour."""

    heat: npt.NDArray[np.float64] | None = None
    """Where the model looks, from 0 to 1, shape ``(H, W)``: shown beside the photo."""


def tiles(shown: Sequence[Tile]) -> bytes:
    """A JPEG file with the photos in rows of four pictures, heat maps beside them."""
    wide = 2 if any(tile.heat is not None for tile in shown) else 1
    columns = _COLUMNS // wide
    rows = -(-len(shown) // columns)
    size = (_SIDE * _COLUMNS, (_SIDE + _CAPTION) * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subfigures(rows, columns, squeeze=False)
    for tile, part in zip(shown, grid.flat, strict=False):
        part.suptitle(tile.caption, fontsize=7.5, color=GREEN if tile.correct else RED)
        plain_photo, *beside = part.subplots(1, wide, squeeze=False)[0]
        plain_photo.imshow(tile.pixels)
        plain_photo.axis("off")
        for axes in beside:
            axes.imshow(tile.pixels)
            if tile.heat is not None:
                axes.imshow(tile.heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
            axes.axis("off")
    return jpeg(figure)
