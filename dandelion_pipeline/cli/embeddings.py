"""`dandelion embeddings export|similar`: the feature store, for notebooks and other services."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer
from pyarrow import parquet
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.images.photo_choice import SHOWN_ID, Photos
from dandelion_pipeline.cli.report import err, out
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.errors import ImageRefused, SettingsError, SourceError
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

app = typer.Typer(help="What the backbone sees in photos: the feature store.", no_args_is_help=True)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Parquet file to write.")],
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DAY", help="As it was on that day, YYYY-MM-DD.")
    ] = "",
) -> None:
    """Write photos, labels and features to a file: a training set for a notebook."""
    from dandelion_pipeline.embeddings.embedding import (  # noqa: PLC0415  torch takes seconds
        backbone_embedder,
        embeddings,
    )

    if as_of and not _is_day(as_of):
        raise SettingsError(f"--as-of {as_of}", "it is no day", "Write it as YYYY-MM-DD")
    store = open_store(load_settings().store)
    photos = _fit(all_photos(store, as_of or None))
    embedder = backbone_embedder()
    features = embeddings(store, embedder, photos)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    table = photos.select(["sha256", "day", "label", "group"]).append_column("features", rows)
    table = table.replace_schema_metadata({"backbone": embedder.version, "as_of": as_of})
    try:
        parquet.write_table(table, file)
    except OSError as error:
        raise SourceError(
            f"could not write {file}", str(error), "Name a file in a folder that is there"
        ) from None
    out.print(Text(f"{table.num_rows} photos, {features.shape[1]} features each: {file}"))


@app.command()
def similar(
    photo: Annotated[
        str, typer.Argument(metavar="PHOTO", help="A file, or the ID or name of a photo.")
    ],
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
) -> None:
    """The photos that resemble one most, with their labels."""
    from dandelion_pipeline.embeddings.embedding import backbone_embedder  # noqa: PLC0415
    from dandelion_pipeline.embeddings.similar import most_similar  # noqa: PLC0415

    store = open_store(load_settings().store)
    photos = _fit(all_photos(store))
    embedder = backbone_embedder()
    data = _data(store, photo)
    try:
        image = decode(data).image
    except ImageRefused as error:
        what = f"{photo}: {error.what}"
        raise ImageRefused(error.reason, what, error.why, error.remedy) from None
    features = embedder.embed([image])[0]
    table = Table("similarity", "label", "day", "ID", "file")
    columns = {name: photos[name].to_pylist() for name in ("label", "day", "sha256", "name")}
    for one in most_similar(store, embedder, features, photos, count):
        label, day, sha256, name = (columns[key][one.row] for key in columns)
        table.add_row(f"{one.cosine:.3f}", Text(label), day, sha256[:SHOWN_ID], Text(name))
    out.print(table)
    if not photos.num_rows:
        err.print("no photos were taken in yet: `make run IMAGES=…`")


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _fit(photos: pa.Table) -> pa.Table:
    """Those that are fit for training."""
    return photos.filter(pc.field("keep"))


def _data(store: Store, photo: str) -> bytes:
    """The bytes of a file, or of a photo that was taken in."""
    file = Path(photo)
    if file.is_file():
        try:
            return file.read_bytes()
        except OSError as error:
            raise SourceError(
                f"the file {file}", str(error.strerror), "Check its permissions"
            ) from None
    return next(iter(read_photos(store, [Photos.of(store).find(photo)])))
