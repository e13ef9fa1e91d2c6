"""The photos nearest to one, by the angle between their features."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion_pipeline.embeddings.embedding import Embedder, Embeddings, embeddings
from dandelion_pipeline.storage.objects.store import Store


@dataclass(frozen=True)
class Similar:
    """A photo that resembles another."""

    row: int
    """Of the table that was searched."""

    cosine: float
    """1 for the same picture."""


def most_similar(
    store: Store, embedder: Embedder, features: Embeddings, table: pa.Table, count: int
) -> list[Similar]:
    """Compare a photo with all of a table, which are read by day: memory does not grow with days.

    Args:
        store: where the features are kept.
        embedder: what makes those that are not.
        features: of the photo, shape ``(FEATURES,)``.
        table: columns ``sha256`` and ``day``.
        count: how many are wanted.

    Returns:
        The nearest first.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    days = np.asarray(table["day"].to_pylist())
    best: list[Similar] = []
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        cosines = embeddings(store, embedder, table.take(pa.array(rows))) @ features
        order = np.argsort(-cosines, kind="stable")[:count]
        best += [Similar(int(rows[n]), float(cosines[n])) for n in order]
        best = sorted(best, key=lambda one: -one.cosine)[:count]
    return best
