"""How good a preset is on the 400 photos, over several ways to split them.

    python -m benchmarks.training.recipe [fast|best] [SALT …] [KNOB=VALUE …]

Photos go the product's own way: taken in, cleaned with near-duplicate groups, split by the salt,
trained on, and the exported model answers for the test split. A salt is a `DANDELION_SPLIT_SALT`.
Knobs of `TrainingConfig` that are given, such as ``epochs=40`` or ``model=transfer``, are turned,
so that recipes can be compared on the same splits. The interval is Student's, over the splits: a
test split holds some 80 photos, so one of them says little. Where the example's photos are not
there, the generated sample shows that a recipe works, not how good it is.
"""

import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from scipy import stats

from benchmarks.common.example import folder_or_sample
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.dataset import TEST, build_dataset, rows_of
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.networks.graphs import predict_logits
from dandelion_pipeline.statistics.calibration import (
    Floats,
    Labels,
    error_by_chance,
    expected_calibration_error,
    probabilities_at,
    reliability,
)
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Model, Preset, TrainingConfig
from dandelion_pipeline.training.fit import fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline.training.transfer.fit import fit_transfer

DAY = "2025-05-01"
SALTS = ("f", "g", "h", "i", "j")
"""None of them was looked at when the presets were chosen."""

CONFIDENCE = 0.95
out = Console(width=160)


@dataclass(frozen=True)
class Found:
    """What is known of one training."""

    accuracy: float
    calibration_error: float
    by_chance: float
    """What the calibration error would be if the probabilities were true."""


def main(arguments: list[str]) -> None:
    """Measure, and print a line as soon as it is known."""
    presets = [Preset(word) for word in arguments if word in set(Preset)]
    knobs = dict(word.split("=", 1) for word in arguments if "=" in word)
    salts = [word for word in arguments if "=" not in word and word not in set(Preset)]
    config = TrainingConfig.of(presets[0] if presets else Preset.BEST, **knobs)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        import_photos(store, open_source(folder_or_sample()), DAY)
        photos = clean(store, take_in(store, DAY, None).table)
        found = [measured(store, photos, salt, config) for salt in salts or SALTS]
    if len(found) > 1:
        accuracy, error, chance = np.array([astuple(one) for one in found]).T
        spread = stats.sem(accuracy)
        interval = stats.t.interval(CONFIDENCE, len(found) - 1, accuracy.mean(), spread)
        low, high = (float(bound) for bound in interval)
        mean = f"mean of {len(found)} salts  {accuracy.mean():.4f}"
        out.print(f"{mean}  ({CONFIDENCE:.0%} of such intervals hold it: {low:.3f} to {high:.3f})")
        out.print(f"calibration error  {error.mean():.3f}  ({chance.mean():.3f} by chance)")


def measured(store: Store, photos: pa.Table, salt: str, config: TrainingConfig) -> Found:
    """What comes of one split; the line is printed."""
    dataset = build_dataset(photos, salt).used

    def note(row: EpochMetrics) -> None:
        out.print(f"{row.epoch}  {row.validation_loss:.3f}", end="\r")

    began, cpu = time.perf_counter(), time.process_time()
    if config.model is Model.TRANSFER:
        model = fit_transfer(store, dataset, config)
    else:
        model = fit(store, dataset, config, note)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    rows, classes = rows_of(dataset, TEST), model.record.classes
    validation_loss = model.record.history[-1].validation_loss
    test = load_prepared(store, rows, classes, config.preprocessing)
    logits = predict_logits(model.onnx, test.pixels)
    accuracy = float((logits.argmax(1) == test.labels).mean())
    before, after = (
        calibration_error(logits, test.labels, t) for t in (1, model.record.temperature)
    )
    chance = error_by_chance(probabilities_at(logits, model.record.temperature)).mean
    out.print(
        f"salt {salt}  {len(test.labels)} test photos  accuracy {accuracy:.4f}  "
        f"validation loss {validation_loss:.3f}  calibration error {after:.3f} "
        f"({before:.3f} before, {chance:.3f} by chance)  "
        f"{seconds:.0f} s, {cpu_seconds:.0f} s of a processor"
    )
    return Found(accuracy, after, chance)


def calibration_error(logits: Floats, labels: Labels, temperature: float) -> float:
    """The expected calibration error at a temperature."""
    return expected_calibration_error(reliability(probabilities_at(logits, temperature), labels))


if __name__ == "__main__":
    main(sys.argv[1:])
