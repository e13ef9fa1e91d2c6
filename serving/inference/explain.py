"""What a model looked at: one part of the photo after another is hidden, and the answer compared.

It costs some eighty inferences, so it is done on request, one photo at a time, in batches between
which the photos that only want an answer take their turn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import numpy as np
import numpy.typing as npt
from anyio import to_thread

from serving.inference.batching import Busy
from serving.model.engine import BATCHES, Engine

CELLS = 9
"""Rows and columns of the map."""

_REACH = 1  # a window hides a cell and so many more on each side of it
_MOST_WAITING = 4
_SECONDS = 1.0  # that one photo takes, at the most


@dataclass(frozen=True)
class Explained:
    """What each part of a photo means to a model."""

    label: str
    probability: float
    """Of the label, with nothing hidden."""

    drops: npt.NDArray[np.float64]
    """Shape ``(CELLS, CELLS)``, rows from the top: by how much the probability falls when that part
    is hidden; negative where it rises."""

    box: tuple[float, float, float, float]
    """What the model saw of the upright photo: left, top, width, height, in shares of its own."""


class Explainer:
    """Explains one photo after the other; a few may wait, more are turned away."""

    def __init__(self) -> None:
        self._turn = anyio.CapacityLimiter(1)

    async def explain(self, engine: Engine, read: Callable[[], bytes], label: str) -> Explained:
        """What each part of a photo means to a model.

        Args:
            engine: the model.
            read: the photo's bytes.
            label: one of the model's classes; empty for the one that it sees.

        Raises:
            ImageRefused: it is no photo that we accept.
            Busy: too many wait already.
        """
        waiting = self._turn.statistics().tasks_waiting
        if waiting >= _MOST_WAITING:
            raise Busy(waiting * _SECONDS)
        return await to_thread.run_sync(_explain, engine, read, label, limiter=self._turn)


def occlusion(engine: Engine, pixels: npt.NDArray[np.uint8], index: int) -> npt.NDArray[np.float64]:
    """The probability of one class while each part of a photo is hidden.

    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014,
    section 4.2: a grey square in place of each part.

    Args:
        engine: the model.
        pixels: a prepared photo, shape ``(size, size, 3)``.
        index: of the class, in the order of the manifest.

    Returns:
        Shape ``(CELLS, CELLS)``, rows from the top.
    """
    edges = np.linspace(0, len(pixels), CELLS + 1).round().astype(int)
    grey = np.round(np.array(engine.preprocessing.mean) * 255).astype(np.uint8)
    hidden = []
    for row in range(CELLS):
        for column in range(CELLS):
            one = pixels.copy()
            one[_window(edges, row), _window(edges, column)] = grey
            hidden.append(one)
    most = BATCHES[-1]
    found = [
        engine.probabilities(np.stack(hidden[start : start + most]))[:, index]
        for start in range(0, len(hidden), most)
    ]
    return np.concatenate(found).reshape(CELLS, CELLS)


def _window(edges: npt.NDArray[np.int_], cell: int) -> slice:
    first, last = max(cell - _REACH, 0), min(cell + _REACH, CELLS - 1)
    return slice(int(edges[first]), int(edges[last + 1]))


def _explain(engine: Engine, read: Callable[[], bytes], label: str) -> Explained:
    prepared = engine.prepare(read())
    (row,) = engine.probabilities(prepared.pixels[np.newaxis])
    classes = engine.manifest.classes
    index = classes.index(label) if label else int(row.argmax())
    probability = float(row[index])
    drops = probability - occlusion(engine, prepared.pixels, index)
    left, top, across, down = engine.preprocessing.window(prepared.width, prepared.height)
    box = (
        left / prepared.width,
        top / prepared.height,
        across / prepared.width,
        down / prepared.height,
    )
    return Explained(classes[index], probability, drops, box)
