import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of, prepare

RED, BLUE = (255, 0, 0), (0, 0, 255)
side = st.integers(1, 300)


@given(side, side, st.integers(16, 64), st.floats(0.05, 1))
def test_any_photo_becomes_a_square_of_the_size_asked_for(
    width: int, height: int, size: int, crop: float
) -> None:
    color = (10, 200, 90)
    pixels = prepare(Image.new("RGB", (width, height), color), Preprocessing(size=size, crop=crop))
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == color).all()


@pytest.mark.parametrize("size", [(1, 5_000), (5_000, 1)])
def test_a_line_of_pixels_is_no_special_case(size: tuple[int, int]) -> None:
    assert prepare(Image.new("RGB", size), Preprocessing(size=32)).shape == (32, 32, 3)


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_of_the_longer_side_is_kept(turned: bool) -> None:
    photo = Image.new("RGB", (300, 100), BLUE)
    photo.paste(RED, (100, 0, 200, 100))
    if turned:
        photo = photo.transpose(Image.Transpose.ROTATE_90)
    assert (prepare(photo, Preprocessing(size=64)) == RED).all()


def test_the_crop_cuts_the_same_from_every_edge() -> None:
    photo = Image.new("RGB", (100, 100), BLUE)
    photo.paste(RED, (20, 20, 80, 80))
    whole = prepare(photo, Preprocessing(size=100, crop=1.0))
    assert (whole[0] == BLUE).all()
    assert (whole == whole[::-1, ::-1]).all()
    assert (prepare(photo, Preprocessing(size=64, crop=0.5)) == RED).all()


def test_the_same_photo_gives_the_same_pixels() -> None:
    photo = Image.effect_noise((200, 150), 80).convert("RGB")
    first, second = (prepare(photo, Preprocessing(size=96)) for _ in range(2))
    assert (first == second).all()


def test_a_model_decodes_no_more_of_a_large_jpeg_than_it_says() -> None:
    file = io.BytesIO()
    Image.effect_noise((800, 600), 80).convert("RGB").save(file, "JPEG")
    small, large = (Preprocessing(size=64, shorter_side=pixels) for pixels in (75, 600))
    reduced = decode(file.getvalue(), 75).image
    assert (pixels_of(file.getvalue(), small) == prepare(reduced, small)).all()
    assert (pixels_of(file.getvalue(), small) != pixels_of(file.getvalue(), large)).any()


def test_a_manifest_that_says_nothing_of_reduction_is_of_a_time_when_512_pixels_were_kept() -> None:
    assert Preprocessing.model_validate({"size": 64}).shorter_side == 512


@pytest.mark.parametrize(
    "wrong", [{"shorter_side": 0}, {"size": 8}, {"crop": 0}, {"crop": 1.1}, {"colour": "red"}]
)
def test_a_manifest_with_senseless_numbers_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Preprocessing.model_validate({"size": 64, **wrong})
