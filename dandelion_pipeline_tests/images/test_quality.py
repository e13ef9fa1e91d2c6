import io
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from PIL import Image, ImageFilter
from pydantic import ValidationError

from dandelion_pipeline.images.contact_sheet import TILE, contact_sheet
from dandelion_pipeline.images.decode import Photo, decode
from dandelion_pipeline.images.luma import Luma
from dandelion_pipeline.images.quality import (
    QUALITY_SCHEMA,
    Quality,
    QualityLimits,
    blur_effect,
    drop_reason,
    drop_reasons,
    measure,
)
from dandelion_pipeline.images.sample import render
from dandelion_pipeline_tests.images.encoded import encode

LIMITS = QualityLimits()
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


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (64, 64), "green"), "one even colour"),
        (render("grass", 1, (31, 64)), "smaller than 32 pixels"),
        (NOISE.point(lambda level: 60 * (level > 245)), "too dark"),
        (NOISE.point(lambda level: 255 - 60 * (level > 245)), "too bright"),
        (GRASS.filter(ImageFilter.GaussianBlur(6)), "blurred"),
        (NOISE.convert("L").point(lambda level: 200 * (level > 180)), "too little to see"),
        (GRASS.crop((0, 0, 160, 32)).resize((320, 32)), "a strip"),
        (GRASS, ""),
        (NOISE, ""),
    ],
)
def test_photos_that_teach_nothing_are_dropped_with_the_reason(
    image: Image.Image, reason: str
) -> None:
    assert drop_reason(measure(decoded(image)), LIMITS) == reason


def test_the_size_is_that_of_the_file_however_small_it_was_decoded() -> None:
    large = decode(encode(Image.new("RGB", (2400, 1600), "green"), "JPEG"))
    assert large.image.size < (2400, 1600)
    assert (measure(large).width, measure(large).height) == (2400, 1600)
    assert measure(large).format == "JPEG"


def of_32_bits(lowest: float, highest: float) -> st.SearchStrategy[float]:
    return st.floats(lowest, highest, width=32)


QUALITIES = st.builds(
    Quality,
    width=st.integers(1, 10_000),
    height=st.integers(1, 10_000),
    format=st.just("PNG"),
    brightness=of_32_bits(0, 255),
    contrast=of_32_bits(0, 128),
    blur=of_32_bits(0, 1),
    information=of_32_bits(0, 8),
    aspect=of_32_bits(0.0625, 16),
)
LIMITS_OF_ALL_KINDS = st.builds(
    QualityLimits,
    smallest_side=st.integers(1, 2_000),
    lowest_contrast=st.floats(0, 128),
    lowest_brightness=st.floats(0, 255),
    highest_brightness=st.floats(0, 255),
    highest_blur=st.floats(0, 1),
    lowest_information=st.floats(0, 8),
    highest_aspect=st.floats(1, 16),
)


@given(st.lists(QUALITIES, max_size=5), LIMITS_OF_ALL_KINDS)
def test_a_photo_is_judged_by_its_measures_alone_in_whatever_company(
    qualities: list[Quality], limits: QualityLimits
) -> None:
    table = pa.Table.from_pylist([vars(one) for one in qualities], schema=QUALITY_SCHEMA)
    reasons = drop_reasons(table, limits).to_pylist()
    assert reasons == [drop_reason(one, limits) for one in qualities]


@given(QUALITIES)
def test_at_its_limits_a_photo_is_kept_and_beyond_any_of_them_dropped(quality: Quality) -> None:
    limits = QualityLimits(
        smallest_side=min(quality.width, quality.height),
        lowest_contrast=quality.contrast,
        lowest_brightness=quality.brightness,
        highest_brightness=quality.brightness,
        highest_blur=quality.blur,
        lowest_information=quality.information,
        highest_aspect=max(quality.aspect, 1 / quality.aspect),
    )
    assert drop_reason(quality, limits) == ""
    below = replace(quality, width=limits.smallest_side - 1, blur=2, contrast=-1)
    assert drop_reason(below, limits) == f"smaller than {limits.smallest_side} pixels"
    assert drop_reason(replace(quality, contrast=-1, blur=2), limits) == "one even colour"
    assert drop_reason(replace(quality, brightness=-1), limits) == "too dark"
    assert drop_reason(replace(quality, brightness=256), limits) == "too bright"
    assert drop_reason(replace(quality, blur=2), limits) == "blurred"
    assert drop_reason(replace(quality, information=-1), limits) == "too little to see"
    assert drop_reason(replace(quality, aspect=17), limits) == "a strip"


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in ({"highest_blur": 2}, {"highest_aspect": 0.5}, {"smallest_sides": 1}):
        with pytest.raises(ValidationError):
            QualityLimits.model_validate(wrong)


@pytest.mark.parametrize(("photos", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (11, 8, 2)])
def test_a_contact_sheet_has_a_tile_for_each_photo(photos: int, columns: int, rows: int) -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([render("grass", 1, (40, 30))] * photos)))
    assert round(sheet.width / TILE) == columns
    assert round(sheet.height / TILE) == rows
