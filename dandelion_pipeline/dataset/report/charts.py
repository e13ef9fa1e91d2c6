"""What the report's bar charts show; the template draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion_pipeline.dataset.dataset import SPLITS

_MOST_BINS = 14
_STEPS = (0.125, 0.25, 0.5, 1.0, 2.0)  # octaves


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its number, and what share of all that is."""

    name: str
    count: int
    share: float
    length: float
    """From 0 to 1, the longest one of the chart."""


def bars(counts: Mapping[str, int], total: int) -> list[Bar]:
    """A bar for each count.

    Args:
        counts: numbers by name.
        total: what a share is a share of.
    """
    longest = max(counts.values(), default=0)
    return [
        Bar(name, count, count / max(1, total), count / max(1, longest))
        for name, count in counts.items()
    ]


def class_balance(counts: Mapping[str, Mapping[str, int]], most: int) -> dict[str, list[Bar]]:
    """By split: the first so many classes, each as a share of the split's photos."""
    shown = list(counts)[:most]
    return {
        split: bars(
            {label: counts[label][split] for label in shown},
            sum(splits[split] for splits in counts.values()),
        )
        for split in SPLITS
    }


@dataclass(frozen=True)
class Sizes:
    """How large photos are, by their shorter side in pixels."""

    smallest: int
    median: int
    largest: int
    histogram: Sequence[Bar]

    @classmethod
    def of(cls, photos: pa.Table) -> "Sizes | None":
        """From the columns ``width`` and ``height``; None if there is no photo."""
        if not photos.num_rows:
            return None
        sides = np.minimum(photos["width"].to_numpy(), photos["height"].to_numpy())
        smallest, largest = int(sides.min()), int(sides.max())
        edges = _edges(smallest, largest)
        counted, _ = np.histogram(sides, edges)
        names = [
            f"{low} to {high - 1}" if high - low > 1 else str(low)
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
        counts = dict(zip(names, counted.tolist(), strict=True))
        return cls(smallest, int(np.median(sides)), largest, bars(counts, photos.num_rows))


def _edges(smallest: int, largest: int) -> npt.NDArray[np.int64]:
    """Whole pixels, in equal steps of octaves, the finest that need at most `_MOST_BINS` bins."""
    low, high = np.log2(max(1, smallest)), np.log2(max(1, largest) + 1)
    step = next((s for s in _STEPS if (high - low) / s <= _MOST_BINS - 1), _STEPS[-1])
    octaves = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    edges = np.unique(np.round(2**octaves).astype(np.int64))
    return np.unique([min(int(edges[0]), smallest), *edges[1:-1], max(int(edges[-1]), largest + 1)])
