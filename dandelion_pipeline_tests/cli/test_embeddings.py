from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.dataset.labels.reviews import decide
from dandelion_pipeline.embeddings.backbone import FEATURES, version
from dandelion_pipeline.errors import ImageRefused, ReviewError, SettingsError, SourceError
from dandelion_pipeline.ingest.intake import RAW_IMAGES, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.generated_sets import generated

DAYS = ("2025-05-01", "2025-05-02")
PHOTOS = list(generated("few", 12))


@pytest.fixture
def taken_in(here: Store) -> Store:
    """A store with six photos of each of two days."""
    for number, (label, name, data) in enumerate(PHOTOS):
        here.put(layout.landing_photo(DAYS[number // 6], label, name), data)
    for day in DAYS:
        raw = take_in(here, day, None).table
        write_table(here, layout.table(RAW_IMAGES, day), raw)
        write_table(here, layout.table(CLEAN_IMAGES, day), clean(here, raw))
    return here


def test_a_training_set_is_exported_with_labels_and_features(
    taken_in: Store, dandelion: Dandelion, tmp_path: Path
) -> None:
    file = tmp_path / "photos.parquet"
    answer = dandelion("embeddings", "export", str(file))
    assert f"12 photos, {FEATURES} features each" in answer.stdout.replace("\n", " ")
    table = parquet.read_table(file)
    assert table.schema.metadata[b"backbone"] == version().encode()
    labels = {sha256_hex(data): label for label, _, data in PHOTOS}
    columns = (table[name].to_pylist() for name in ("sha256", "label"))
    assert dict(zip(*columns, strict=True)) == labels
    features = np.stack(table["features"].to_pylist())
    assert np.linalg.norm(features, axis=1) == pytest.approx(1, abs=1e-2)
    keys = {layout.embeddings(version(), day) for day in DAYS}
    assert keys <= {found.key for found in taken_in.list_objects(layout.EMBEDDINGS)}


def test_an_export_as_of_a_day_knows_no_later_photo_and_no_later_decision(
    taken_in: Store, dandelion: Dandelion, tmp_path: Path
) -> None:
    file, first = tmp_path / "photos.parquet", sha256_hex(PHOTOS[0][2])
    decide(taken_in, "relabel", first, "another", who="ann", why="seen today")
    dandelion("embeddings", "export", str(file), "--as-of", DAYS[0])
    table = parquet.read_table(file)
    assert set(table["day"].to_pylist()) == {DAYS[0]}
    assert "another" not in table["label"].to_pylist()
    dandelion("embeddings", "export", str(file))
    assert "another" in parquet.read_table(file)["label"].to_pylist()


def test_the_photo_itself_is_the_most_similar_by_file_or_by_id(
    taken_in: Store, dandelion: Dandelion, tmp_path: Path
) -> None:
    label, name, data = PHOTOS[8]
    file = tmp_path / "sent.jpg"
    file.write_bytes(data)
    for photo in (str(file), sha256_hex(data)):
        answer = dandelion("embeddings", "similar", photo, "--count", "3")
        first = next(line for line in answer.stdout.splitlines() if "1.000" in line)
        assert sha256_hex(data)[:12] in first
        assert label in first
        assert name in first


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("export", "x.parquet", "--as-of", "May"), SettingsError, "it is no day"),
        (("export", "x.parquet", "--as-of", "2025-13-45"), SettingsError, "it is no day"),
        (("similar", __file__), ImageRefused, "test_embeddings.py"),
        (("export", "no/such/folder/x.parquet"), SourceError, "could not write"),
        (("similar", "no-such-photo.jpg"), ReviewError, "none of the 12 photos"),
    ],
)
def test_what_cannot_be_done_is_said(
    taken_in: Store,
    dandelion: Dandelion,
    arguments: tuple[str, ...],
    error: type[Exception],
    message: str,
) -> None:
    answer = dandelion("embeddings", *arguments)
    assert isinstance(answer.exception, error)
    assert message in str(answer.exception)
