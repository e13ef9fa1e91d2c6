"""How often photos of another kind are flagged, and photos like those of training.

    python -m benchmarks.training.ood [model=resnet18] [SALT …] [NAME=FOLDER …]

A model is trained on the example for each salt (`DANDELION_SPLIT_SALT`), as the product does it.
Then its bundle is asked about its own test photos, where each flag is a false alarm, about
generated photos of other worlds, noise, and 200 photos of each folder, both in floats and in 8-bit
integers. Without salts: w and x, on which nothing was chosen.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common.example import folder_or_sample
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.dataset import TEST, build_dataset, rows_of
from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.networks.graphs import run
from dandelion_pipeline.release.manifest import GRAPHS
from dandelion_pipeline.release.ood import OOD_FILE, FeatureDistribution, joined
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.training.config import Model, TrainingConfig
from dandelion_pipeline.training.fit import TrainedModel, fit
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline.training.transfer.fit import fit_transfer
from dandelion_pipeline_tests.data.generated_sets import generated

DAY = "2025-05-01"
SALTS = ("w", "x")
KINDS = ("fixed_camera", "white_background", "scans", "grey_textures")
PHOTOS = 200
OWN = "its own test photos"
out = Console(width=160)

Pixels = npt.NDArray[np.uint8]


def main(arguments: list[str]) -> None:
    """Measure, and print a table."""
    knobs = [word for word in arguments if word.startswith("model=")]
    config = TrainingConfig(model=Model(knobs[0].split("=")[1] if knobs else Model.TRANSFER))
    folders = dict(word.split("=", 1) for word in arguments if "=" in word and word not in knobs)
    salts = [word for word in arguments if "=" not in word] or SALTS
    others = {**_generated(config.preprocessing), **_public(folders, config.preprocessing)}
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        import_photos(store, open_source(folder_or_sample()), DAY)
        photos = clean(store, take_in(store, DAY, None).table)
        for salt in track(salts, console=out):
            dataset = build_dataset(photos, salt).used
            if config.model is Model.TRANSFER:
                model = fit_transfer(store, dataset, config)
            else:
                model = fit(store, dataset, config, lambda row: None)
            rows, classes = rows_of(dataset, TEST), model.record.classes
            own = load_prepared(store, rows, classes, config.preprocessing).pixels
            for name, pixels in {OWN: own, **others}.items():
                for form, share in _flagged(model, pixels):
                    found[name, form].append(share)
    table = Table("photos", "32-bit floats", "8-bit integers", title=f"flagged, {salts}")
    for name in (OWN, *others):
        cells = [
            f"{np.mean(found[name, form]):.3f}" if found[name, form] else "" for form in GRAPHS
        ]
        table.add_row(name, *reversed(cells))
    out.print(table)


def _flagged(model: TrainedModel, pixels: Pixels) -> Iterator[tuple[str, float]]:
    """The share of photos that each graph flags."""
    ood = model.record.ood
    assert ood is not None  # noqa: S101  the example has enough photos
    distribution = FeatureDistribution.parse(model.files[OOD_FILE], model.record.version)
    for form, file in GRAPHS.items():
        if file in model.files:
            outputs = run(model.files[file], pixels)
            distances = distribution.distances(joined(outputs.features, outputs.early))
            yield form, float((distances > ood.limits[form]).mean())


def _generated(preprocessing: Preprocessing) -> dict[str, Pixels]:
    noise = np.random.default_rng(0).integers(
        0, 256, (PHOTOS // 2, preprocessing.size, preprocessing.size, 3), np.uint8
    )
    kinds = {
        kind: np.stack([pixels_of(data, preprocessing) for *_, data in generated(kind, PHOTOS)])
        for kind in KINDS
    }
    return {"noise": noise, **kinds}


def _public(folders: dict[str, str], preprocessing: Preprocessing) -> dict[str, Pixels]:
    return {name: np.stack(list(_some(Path(at), preprocessing))) for name, at in folders.items()}


def _some(folder: Path, preprocessing: Preprocessing) -> Iterator[Pixels]:
    """Photos of a folder at random, without what is no photo."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    order = np.random.default_rng(0).permutation(len(files))[:PHOTOS]
    for number in order:
        try:
            yield pixels_of(files[number].read_bytes(), preprocessing)
        except ImageRefused:
            continue


if __name__ == "__main__":
    main(sys.argv[1:])
