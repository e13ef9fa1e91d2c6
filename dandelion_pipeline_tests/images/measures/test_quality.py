import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dandelion_pipeline.images.contact_sheet import TILE, contact_sheet
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.images.measures.luma import Luma
from dandelion_pipeline.images.measures.quality import Quality, blur_effect, measure
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.encoded import encode

GRASS = render("grass", 1, (160, 120))
NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


def decoded(image: Image.Image) -> Photo:
    return Photo(image, *image.size, "PNG", "")


def blur_of(image: Image.Image) -> float:
    return blur_effect(Luma.of(image).small)


def test_brightness_and_contrast_are_those_of_the_luma() -> None:
    half = Image.new("RGB", (40, 40), "black")
    half.paste("white", (0, 0, 40, 20))
    quality = measure(decoded(half))
    assert (quality.width, quality.height, quality.format) == (40, 40, "PNG")
    assert quality.brightness == pytest.approx(127.5)
    assert quality.contrast == pytest.approx(127.5)
    assert quality.information == pytest.approx(1.0)
    assert quality.aspect == 1


@pytest.mark.parametrize(("colour", "brightness"), [("black", 0), ("white", 255), ("#808080", 128)])
def test_one_even_colour_holds_no_contrast_and_no_information(colour: str, brightness: int) -> None:
    quality = measure(decoded(Image.new("RGB", (80, 40), colour)))
    assert quality == Quality(80, 40, "PNG", brightness, 0, 1, 0, 2)


def test_noise_is_sharp_and_full_of_information() -> None:
    quality = measure(decoded(NOISE))
    assert quality.blur < 0.2
    assert quality.information > 7


def test_the_more_a_photo_is_blurred_the_higher_its_blur() -> None:
    blurs = [blur_of(GRASS.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4, 8)]
    assert blurs == sorted(blurs)
    assert blurs[0] < 0.5
    assert blurs[-1] > 0.95


def test_blur_depends_neither_on_brightness_nor_on_contrast_nor_on_size() -> None:
    luma = render("grass", 1, (1024, 768)).convert("L")
    blur = blur_of(luma)
    assert blur_of(luma.point(lambda level: level // 2)) == pytest.approx(blur, abs=0.05)
    assert blur_of(luma.point(lambda level: level // 2 + 100)) == pytest.approx(blur, abs=0.05)
    smaller = luma.resize((512, 384), Image.Resampling.BOX)
    assert blur_of(smaller) == pytest.approx(blur, abs=0.05)


def test_the_size_is_that_of_the_file_however_small_it_was_decoded() -> None:
    large = decode(encode(Image.new("RGB", (2400, 1600), "green"), "JPEG"))
    assert large.image.size < (2400, 1600)
    assert (measure(large).width, measure(large).height) == (2400, 1600)
    assert measure(large).format == "JPEG"


@pytest.mark.parametrize(("photos", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (11, 8, 2)])
def test_a_contact_sheet_has_a_tile_for_each_photo(photos: int, columns: int, rows: int) -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([render("grass", 1, (40, 30))] * photos)))
    assert round(sheet.width / TILE) == columns
    assert round(sheet.height / TILE) == rows
