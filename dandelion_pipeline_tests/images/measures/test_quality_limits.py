from dataclasses import replace
from functools import cache

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from PIL import Image, ImageDraw, ImageFilter
from pydantic import ValidationError

from dandelion_pipeline.images.decoding.decode import Photo
from dandelion_pipeline.images.measures.quality import QUALITY_SCHEMA, Quality, measure
from dandelion_pipeline.images.measures.quality_limits import (
    QualityLimits,
    drop_reasons,
    usual_looks,
)
from dandelion_pipeline.images.sample.photos import render

AUTO = QualityLimits()
GRASS = render("grass", 1, (160, 120))
NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


def measured(*images: Image.Image) -> list[Quality]:
    return [measure(Photo(image.convert("RGB"), *image.size, "PNG", "")) for image in images]


def table(photos: list[Quality], label: str = "a") -> pa.Table:
    rows = pa.Table.from_pylist([vars(one) for one in photos], schema=QUALITY_SCHEMA)
    return rows.append_column("label", pa.array([label] * len(photos), pa.string()))


def reasons(photos: list[Quality], *others: pa.Table, limits: QualityLimits = AUTO) -> list[str]:
    return [str(one) for one in drop_reasons(table(photos), limits, others).to_pylist()]


@cache
def usual_photos() -> list[Quality]:
    return measured(*(render("grass", seed, (160, 120)) for seed in range(40)))


def drawing(seed: int) -> Image.Image:
    """A thin line on white: almost all of it is white."""
    image = Image.new("L", (200, 200), 255)
    x, y = np.random.default_rng(seed).integers(20, 90, 2).tolist()
    ImageDraw.Draw(image).line((x, y, x + 30, y + 20), fill=0)
    return image


def texture(seed: int) -> Image.Image:
    """A surface whose grey hardly varies."""
    grain = np.random.default_rng(seed).normal(0, 1.2, (64, 64))
    return Image.fromarray((120 + grain).round().astype(np.uint8))


def night(seed: int) -> Image.Image:
    """A few stars."""
    random = np.random.default_rng(seed)
    sky = random.integers(0, 3, (128, 128), np.uint8)
    for x, y in random.integers(2, 126, (12, 2)).tolist():
        sky[y : y + 2, x : x + 2] = 220
    return Image.fromarray(sky)


def digit(seed: int, side: int = 8) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 17, (side, side), np.uint8) * 15)


def strip(seed: int) -> Image.Image:
    return render("grass", seed, (160, 120)).crop((0, 0, 160, 16))


def two_tones(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64))
    return Image.fromarray((255 * (noise > 180)).astype(np.uint8))


def out_of_focus(seed: int) -> Image.Image:
    return render("grass", seed, (160, 120)).filter(ImageFilter.GaussianBlur(6))


@pytest.mark.parametrize("kind", [drawing, texture, night, digit, strip, two_tones, out_of_focus])
@pytest.mark.parametrize("photos", [1, 3, 60])
def test_a_set_of_one_kind_is_usual_to_itself_whatever_its_size(kind: object, photos: int) -> None:
    assert callable(kind)
    assert set(reasons(measured(*map(kind, range(photos))))) == {""}


POOR = [
    (Image.new("RGB", (64, 64), "green"), "one even colour"),
    (texture(1), "one even colour"),
    (render("grass", 1, (31, 64)), "much smaller than the other photos"),
    (NOISE.point(lambda level: 60 * (level > 245)), "too dark"),
    (NOISE.point(lambda level: 255 - 60 * (level > 245)), "too bright"),
    (GRASS.filter(ImageFilter.GaussianBlur(6)), "blurred"),
    (NOISE.convert("L").point(lambda level: 200 * (level > 180)), "too little to see"),
    (GRASS.crop((0, 0, 160, 32)).resize((800, 160)).crop((0, 0, 800, 100)), "a strip"),
    (GRASS, ""),
    (NOISE, ""),
]


@pytest.mark.parametrize(("image", "reason"), POOR)
def test_among_usual_photos_one_that_teaches_nothing_is_dropped_with_the_reason(
    image: Image.Image, reason: str
) -> None:
    photos = [*usual_photos(), *measured(image)]
    assert reasons(photos) == [*[""] * len(usual_photos()), reason]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("L", (64, 64)), "one even colour"),
        (Image.new("RGB", (3, 640), "red"), "smaller than 4 pixels"),
        (texture(1).point(lambda level: max(0, level - 119)), "too dark"),
        (texture(1).point(lambda level: min(255, level + 134)), "too bright"),
    ],
)
def test_a_set_without_anything_to_see_is_dropped_whole_and_the_reason_names_it(
    image: Image.Image, reason: str
) -> None:
    two = usual_photos()[:2]
    assert reasons([*measured(*[image] * 78), *two]) == [reason] * 78 + ["", ""]


def test_a_class_of_drawings_among_photos_is_kept_and_one_drawing_is_not() -> None:
    drawings = table(measured(*map(drawing, range(12))), "logo")
    photos = table([*usual_photos() * 5, *measured(drawing(0))], "plant")
    found = drop_reasons(pa.concat_tables([drawings, photos]), AUTO).to_pylist()
    assert found == [""] * (12 + 200) + ["too bright"]


def test_a_day_of_one_photo_is_judged_by_the_days_before() -> None:
    even = measured(texture(3))
    assert reasons(even) == [""]
    assert reasons(even, table(usual_photos())) == ["one even colour"]
    assert reasons(even, table(measured(*map(texture, range(20))))) == [""]


def test_a_photo_of_fewer_than_ten_pixels_is_never_blurred() -> None:
    photos = measured(*(digit(seed, 14 if seed % 12 else 8) for seed in range(48)))
    assert photos[0].blur == 1
    assert set(reasons(photos)) == {""}
    assert reasons(photos[:1], limits=QualityLimits(highest_blur=0.5)) == [""]


def test_what_looks_poor_and_is_kept_is_counted() -> None:
    photos = table(measured(*map(digit, range(20))))
    found = usual_looks(photos, drop_reasons(photos, AUTO), AUTO)
    assert found == {"smaller than 32 pixels": 20}
    strict = QualityLimits(smallest_side=32, highest_blur=1)
    assert usual_looks(photos, drop_reasons(photos, strict), strict) == {}


def of_32_bits(lowest: float, highest: float) -> st.SearchStrategy[float]:
    return st.floats(lowest, highest, width=32)


QUALITIES = st.builds(
    Quality,
    width=st.integers(10, 10_000),
    height=st.integers(10, 10_000),
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
def test_by_limits_in_numbers_a_photo_is_judged_alone_in_whatever_company(
    photos: list[Quality], limits: QualityLimits
) -> None:
    alone = [reasons([one], limits=limits)[0] for one in photos]
    assert reasons(photos, limits=limits) == alone
    assert reasons(photos, table(usual_photos()), limits=limits) == alone


@given(st.lists(QUALITIES, min_size=1, max_size=30), st.integers(2, 4))
def test_what_is_dropped_among_others_depends_on_no_order_and_no_repetition(
    photos: list[Quality], times: int
) -> None:
    found = reasons(photos)
    assert reasons(photos[::-1]) == found[::-1]
    assert reasons(photos, *[table(photos)] * times) == reasons(photos * (times + 1))[: len(found)]


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
    assert reasons([quality], limits=limits) == [""]
    beyond = {
        f"smaller than {limits.smallest_side} pixels": {"width": 9, "blur": 2, "contrast": -1},
        "one even colour": {"contrast": -1, "blur": 2},
        "too dark": {"brightness": -1},
        "too bright": {"brightness": 256},
        "blurred": {"blur": 2},
        "too little to see": {"information": -1},
        "a strip": {"aspect": 17},
    }
    worse = [replace(quality, **change) for change in beyond.values()]  # type: ignore[arg-type]
    assert reasons(worse, limits=limits) == list(beyond)


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in ({"highest_blur": 2}, {"highest_aspect": 0.5}, {"smallest_sides": 1}):
        with pytest.raises(ValidationError):
            QualityLimits.model_validate(wrong)
