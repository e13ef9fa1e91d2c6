import io

import pytest
from PIL import Image

from dandelion_pipeline.images.contact_sheet import TILE, contact_sheet
from dandelion_pipeline.images.quality import drop_reason, measure
from dandelion_pipeline.images.sample import render


def test_brightness_and_contrast_are_those_of_the_luma() -> None:
    half = Image.new("RGB", (40, 40), "black")
    half.paste("white", (0, 0, 40, 20))
    quality = measure(half)
    assert (quality.width, quality.height) == (40, 40)
    assert quality.brightness == pytest.approx(127.5)
    assert quality.contrast == pytest.approx(127.5)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (64, 64), "green"), "one even colour"),
        (render("grass", 1, (31, 64)), "smaller than 32 pixels"),
        (render("grass", 1, (64, 64)), ""),
    ],
)
def test_photos_that_teach_nothing_are_dropped_with_the_reason(
    image: Image.Image, reason: str
) -> None:
    assert drop_reason(measure(image)) == reason


@pytest.mark.parametrize(("photos", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (11, 8, 2)])
def test_a_contact_sheet_has_a_tile_for_each_photo(photos: int, columns: int, rows: int) -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([render("grass", 1, (40, 30))] * photos)))
    assert round(sheet.width / TILE) == columns
    assert round(sheet.height / TILE) == rows
