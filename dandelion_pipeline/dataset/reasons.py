"""Why photos are left out of a data set."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.labels.conflicts import identical_with_two_labels

TWO_LABELS = "identical pixels with two labels"
AGAIN = "the same photo again"
TWO_SPLITS = "a near-duplicate of photos in two splits"
GENERATED = "generated, and there are photos that are not"
SMALL_CLASS = "its class is too small"
EMPTY_SPLIT = "its class has no photos in some split"


def only_samples(photos: pa.Table) -> bool:
    """Whether all photos are generated (column ``is_sample``)."""
    return pc.all(photos["is_sample"]).as_py() is not False


def own_reasons(photos: pa.Table) -> list[str]:
    """Why each photo is left out whatever its split; empty for those that may be used."""
    own = pc.if_else(photos["keep"], "", photos["drop_reason"])
    if not only_samples(photos):
        own = pc.if_else(photos["is_sample"], GENERATED, own)
    reasons: list[str] = own.to_pylist()
    rows = [row for row, reason in enumerate(reasons) if not reason]
    identical = identical_with_two_labels(photos.take(pa.array(rows, pa.int64()))).to_pylist()
    names: Sequence[str] = photos["sha256"].to_pylist()
    seen: set[str] = set()
    for row, has_two_labels in zip(rows, identical, strict=True):
        if has_two_labels:
            reasons[row] = TWO_LABELS
        elif names[row] in seen:
            reasons[row] = AGAIN
        seen.add(names[row])
    return reasons
