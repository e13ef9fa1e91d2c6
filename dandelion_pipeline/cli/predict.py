"""`dandelion predict`: ask the live model about files, without any server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.report import SAMPLE_WARNING, err, out, show_error
from dandelion_pipeline.errors import ImageRefused, SourceError
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.manifest import GRAPHS
from dandelion_pipeline.release.ood import OOD_FILE, FeatureDistribution, joined
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store

if TYPE_CHECKING:
    from dandelion_pipeline.networks.graphs import Outputs


def predict(files: Annotated[list[Path], typer.Argument(help="Photos.")]) -> None:
    """Ask the live model about photos; those that it cannot read are named, and the exit is 1."""
    from dandelion_pipeline.networks.graphs import run  # noqa: PLC0415  it takes a second
    from dandelion_pipeline.statistics.calibration import probabilities_at  # noqa: PLC0415

    store = open_store(load_settings().store)
    release = log.live(store)
    bundle = open_bundle(store, release.version, release.manifest_sha256)
    manifest, model = bundle.manifest, bundle.read(GRAPHS[bundle.manifest.form])
    preprocessing = Preprocessing.model_validate(manifest.preprocessing)
    readable, refused = _prepared(files, preprocessing)
    table = Table("file", "label", *map(escape, manifest.classes), "resembles the training photos")
    if readable:
        outputs = run(model, np.stack(list(readable.values())))
        answers = probabilities_at(outputs.logits, manifest.temperature)
        known = _resemblance(bundle, outputs)
        for file, row, like in zip(readable, answers, known, strict=True):
            label = manifest.classes[int(row.argmax())]
            table.add_row(Text(str(file)), Text(label), *(f"{p:.1%}" for p in row), like)
        out.print(table)
    out.print(f"model {manifest.version}")
    if manifest.data.is_sample:
        out.print(Text(SAMPLE_WARNING, style="yellow"))
    if refused:
        raise typer.Exit(1)


def _resemblance(bundle: Bundle, outputs: "Outputs") -> list[str]:
    ood = bundle.manifest.ood
    if ood is None:
        return ["not known"] * len(outputs.logits)
    distribution = FeatureDistribution.parse(bundle.read(OOD_FILE), bundle.manifest.version)
    distances = distribution.distances(joined(outputs.features, outputs.early))
    limit = ood.limits.get(bundle.manifest.form, np.inf)
    return ["no: another kind of photo" if far else "yes" for far in distances > limit]


def _prepared(
    files: list[Path], preprocessing: Preprocessing
) -> tuple[dict[Path, npt.NDArray[np.uint8]], bool]:
    """The pixels of the photos that can be read, and whether there were others."""
    pixels = {}
    for file in files:
        try:
            pixels[file] = pixels_of(_read(file), preprocessing)
        except (ImageRefused, SourceError) as error:
            err.print(Text(f"{file}:"))
            show_error(error)
    return pixels, len(pixels) < len(set(files))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(
            f"the file {file}", str(error.strerror), "Check its name and permissions"
        ) from None
