"""Photos whose label a person should look at: judged, listed, and never dropped by a machine."""

import pyarrow as pa

from dandelion_pipeline.dataset.labels.label_quality import check_labels
from dandelion_pipeline.dataset.labels.reviews import latest, reviews
from dandelion_pipeline.embeddings.embedding import backbone_embedder, embeddings
from dandelion_pipeline.storage.objects.store import Store


def with_label_check(store: Store, used: pa.Table) -> pa.Table:
    """Say of each photo of a data set how well its label fits, and which label would fit better.

    Args:
        store: where photos, models and reviews lie.
        used: a table of `dataset.SCHEMA`.

    Returns:
        The table with two columns more: ``label_quality``, from 0 to 1, null if there are too few
        photos to tell; ``suggested_label``, null unless a person should look at the photo.
    """
    labels = used["label"].to_pylist()
    features = embeddings(store, backbone_embedder(), used)
    check = check_labels(features, labels, used["group"].to_pylist())
    quality: list[float | None] = [None] * used.num_rows
    suggested: list[str | None] = [None] * used.num_rows
    if check is not None:
        settled = latest(reviews(store))
        quality = check.quality.tolist()
        suggested = [
            label if is_suspect and label != given and sha256 not in settled else None
            for sha256, given, label, is_suspect in zip(
                used["sha256"].to_pylist(), labels, check.suggested, check.suspect, strict=True
            )
        ]
    return used.append_column(
        pa.field("label_quality", pa.float32()), pa.array(quality, pa.float32())
    ).append_column(pa.field("suggested_label", pa.string()), pa.array(suggested, pa.string()))
