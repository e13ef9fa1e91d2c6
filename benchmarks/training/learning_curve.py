"""How many photos the transfer model needs: its accuracy by photos per class.

    python -m benchmarks.training.learning_curve [FOLDER] [DRAWS]

For each draw the photos are split by a salt of its own (``curve0``, ``curve1`` and so on), with
near-duplicates kept together. Of the training split, so many photos per class are drawn, a head
is chosen on them as `training.transfer` does, and it answers for the whole test split. The smaller
draws are part of the larger ones. Below `tuning.FEWEST_PHOTOS` nothing is tuned, so the head on
stored features is the model. The interval is Student's, over the draws.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.common.example import folder_or_sample
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.dataset import TEST, TRAIN, DatasetInfo, build_dataset, rows_of
from dandelion_pipeline.embeddings.embedding import Embedder, backbone_embedder, stages
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.networks.transfer import HeadInputs
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Imbalance
from dandelion_pipeline.training.inputs.imbalance import Balance
from dandelion_pipeline.training.transfer.head import choose_head, numbers_of

DAY = "2025-05-01"
PER_CLASS = (10, 20, 50, 100)
DRAWS = 10
CONFIDENCE = 0.95
out = Console(width=100)


def main(arguments: list[str]) -> None:
    """Measure, and print a table."""
    folder = arguments[0] if arguments else folder_or_sample()
    draws = int(arguments[1]) if len(arguments) > 1 else DRAWS
    with tempfile.TemporaryDirectory() as home:
        store = open_store(Path(home).as_uri())
        import_photos(store, open_source(folder), DAY)
        photos = clean(store, take_in(store, DAY, None).table)
        embedder = backbone_embedder("cpu")
        found = [accuracies(store, embedder, photos, draw) for draw in range(draws)]
    table = Table("photos per class", "mean accuracy", f"{CONFIDENCE:.0%} interval", "worst draw")
    for count, values in zip((*PER_CLASS, "all"), np.array(found).T, strict=True):
        spread = stats.sem(values) or 1e-9
        low, high = stats.t.interval(CONFIDENCE, len(values) - 1, values.mean(), spread)
        interval = f"{low:.3f} to {min(1.0, high):.3f}"
        table.add_row(str(count), f"{values.mean():.3f}", interval, f"{values.min():.3f}")
    out.print(table)


def accuracies(store: Store, embedder: Embedder, photos: pa.Table, draw: int) -> list[float]:
    """Accuracy on the test split by `PER_CLASS`, and with all photos, of one draw."""
    dataset = build_dataset(photos, f"curve{draw}").used
    classes = DatasetInfo.of(dataset).classes
    rows, test = rows_of(dataset, TRAIN), rows_of(dataset, TEST)
    labels, expected = numbers_of(rows, classes), numbers_of(test, classes)
    seen, theirs = (torch.from_numpy(stages(store, embedder, one)) for one in (rows, test))
    groups = np.array(rows["group"].to_pylist())
    order = np.random.default_rng(draw).permutation(len(labels))
    found = []
    for count in (*PER_CLASS, len(order)):
        parts = [order[labels[order] == label][:count] for label in range(len(classes))]
        some = np.concatenate(parts)
        inputs = HeadInputs()
        inputs.fit(seen[some])
        balance = Balance.of(Imbalance.AUTO, torch.from_numpy(labels[some]), len(classes))
        features = inputs(seen[some]).numpy()
        chosen = choose_head(features, labels[some], groups[some].tolist(), balance)
        logits = chosen.head.logits(inputs(theirs).numpy())
        found.append(float((logits.argmax(axis=1) == expected).mean()))
    out.print(f"draw {draw}  " + "  ".join(f"{value:.3f}" for value in found))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
