import io

import pytest
from PIL import Image

from dandelion_pipeline.images.contact_sheet import TILE, contact_sheet
from dandelion_pipeline.images.decode import Photo, decode
from dandelion_pipeline.images.quality import drop_reason, measure
from dandelion_pipeline.images.sample import render
from dandelion_pipeline_tests.images.encoded import encode


def decoded(image: Image.Image) -> Photo:
    return Photo(image, *image.size, "PNG", "")


def test_brightness_and_contrast_are_those_of_the_luma() -> None:
    half = Image.new("RGB", (40, 40), "black")
    half.paste("white", (0, 0, 40, 20))
    quality = measure(decoded(half))
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
    assert drop_reason(measure(decoded(image))) == reason


def test_the_size_is_that_of_the_file_however_small_it_was_decoded() -> None:
    large = decode(encode(Image.new("RGB", (2400, 1600), "green"), "JPEG"))
    assert large.image.size < (2400, 1600)
    assert (measure(large).width, measure(large).height) == (2400, 1600)


@pytest.mark.parametrize(("photos", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (11, 8, 2)])
def test_a_contact_sheet_has_a_tile_for_each_photo(photos: int, columns: int, rows: int) -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([render("grass", 1, (40, 30))] * photos)))
    assert round(sheet.width / TILE) == columns
    assert round(sheet.height / TILE) == rows
