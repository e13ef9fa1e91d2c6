from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.evaluation.metrics import prediction_table
from dandelion_pipeline.evaluation.slices import FACTS, SMALLEST_SLICE, slices, with_facts
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.data.small_data_set import DAY

CLASSES = ["dandelion", "grass"]


def predictions(right: list[bool], **columns: Sequence[object]) -> pa.Table:
    """Answers that are right or wrong, and what is known of the photos."""
    number = len(right)
    logits = np.where(np.array(right)[:, None], [1.0, 0.0], [0.0, 1.0])
    usual = {"day": "2025-05-01", "brightness": 100.0, "shorter_side": 64, "format": "JPEG"}
    known = [
        {**usual, "is_sample": False, **{name: values[i] for name, values in columns.items()}}
        for i in range(number)
    ]
    rows = pa.Table.from_pylist(known, schema=FACTS)
    rows = rows.append_column("sha256", pa.array(map(str, range(number))))
    rows = rows.append_column("label", pa.array(["dandelion"] * number))
    return prediction_table(rows, CLASSES, logits)


def test_dark_photos_that_are_got_wrong_show() -> None:
    table = predictions([False] * 15 + [True] * 30, brightness=[float(i) for i in range(45)])
    dark, middle, bright = slices(table)
    assert (dark.by, dark.name, dark.photos, dark.accuracy) == ("brightness", "under 15", 15, 0)
    assert (middle.name, middle.accuracy) == ("15 to 29", 1)
    assert (bright.name, bright.photos) == ("29 and over", 16)


def test_a_fact_that_all_photos_share_makes_no_slice() -> None:
    assert slices(predictions([True, False] * 30)) == []


def test_slices_of_too_few_photos_are_left_out() -> None:
    few = SMALLEST_SLICE - 1
    found = slices(predictions([True] * (few + 20), format=["PNG"] * few + ["JPEG"] * 20))
    assert [(slice_.by, slice_.name) for slice_ in found] == [("format", "JPEG")]


def test_what_is_unknown_of_some_photos_is_measured_on_the_others() -> None:
    brightness = [None] * 10 + [float(i) for i in range(60)]
    found = slices(predictions([True] * 70, brightness=brightness))
    assert sum(slice_.photos for slice_ in found) == 60


def test_generated_photos_among_others_are_a_slice_of_their_own() -> None:
    found = slices(predictions([True] * 20, is_sample=[True] * 10 + [False] * 10))
    assert [slice_.name for slice_ in found] == ["generated", "photographed"]


@pytest.mark.parametrize(
    ("days", "first"),
    [(3, "2024-01-01"), (40, "2024-01"), (400, "2024")],
)
def test_many_days_are_put_together_until_they_can_be_read(days: int, first: str) -> None:
    start = np.datetime64("2024-01-01")
    of_photo = [str(start + i % days) for i in range(days * 20)]
    found = slices(predictions([True] * len(of_photo), day=of_photo))
    assert found[0].name == first
    assert sum(slice_.photos for slice_ in found) == len(of_photo)


def test_facts_are_those_that_ingestion_measured(
    small_store: Store, small_dataset: pa.Table, tmp_path: Path
) -> None:
    clean_images = clean(small_store, take_in(small_store, DAY, None).table)
    tables = open_store((tmp_path / "store").as_uri())
    write_table(tables, layout.table(CLEAN_IMAGES, DAY), clean_images)
    found = with_facts(tables, small_dataset)
    measured = {row["sha256"]: row for row in clean_images.to_pylist()}
    for sha256, fact in zip(small_dataset["sha256"].to_pylist(), found.to_pylist(), strict=True):
        row = measured[sha256]
        assert fact["brightness"] == row["brightness"]
        assert fact["shorter_side"] == min(row["width"], row["height"])
        assert (fact["format"], fact["is_sample"], fact["day"]) == ("JPEG", True, DAY)


def test_a_day_without_measurements_has_no_facts_but_itself(
    small_dataset: pa.Table, tmp_path: Path
) -> None:
    found = with_facts(open_store((tmp_path / "store").as_uri()), small_dataset)
    assert found["brightness"].null_count == found["format"].null_count == found.num_rows
    assert found["day"].to_pylist() == small_dataset["day"].to_pylist()


def test_what_an_older_version_did_not_measure_is_unknown(
    small_store: Store, small_dataset: pa.Table, tmp_path: Path
) -> None:
    clean_images = clean(small_store, take_in(small_store, DAY, None).table)
    tables = open_store((tmp_path / "store").as_uri())
    older = clean_images.drop_columns(["format", "blur"])
    write_table(tables, layout.table(CLEAN_IMAGES, DAY), older)
    found = with_facts(tables, small_dataset)
    assert found["format"].null_count == found.num_rows
    assert found["brightness"].null_count == 0
    assert found.select(small_dataset.column_names).equals(small_dataset)
