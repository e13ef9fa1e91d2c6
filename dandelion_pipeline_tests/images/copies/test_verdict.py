import random
from functools import cache

import numpy as np
import pytest
from PIL import Image

from benchmarks.images.alterations import TURNED_OR_CROPPED, cropped, flipped, rotated, saved
from dandelion_pipeline.images.copies.local_features import (
    LEAST_SIDE,
    LocalFeatures,
    local_features,
)
from dandelion_pipeline.images.copies.verdict import Copy, copy_of
from dandelion_pipeline_tests.data import generated_scenes as scenes

SIZE = (200, 150)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return scenes.outdoors(np.random.default_rng(seed), size)


@cache
def features(seed: int) -> LocalFeatures:
    return local_features(scene(seed))


def room_with(colour: tuple[int, int, int], place: tuple[int, int]) -> Image.Image:
    """A frame of a fixed camera."""
    image = scenes.room(np.random.default_rng(3), SIZE)
    scenes.paint(image, scenes.CIRCLE, colour, place, 14)
    return image


def compare(first: Image.Image, second: Image.Image) -> Copy | None:
    return copy_of(local_features(first), local_features(second))


@pytest.mark.parametrize("kind", TURNED_OR_CROPPED)
def test_a_rotated_or_cropped_copy_is_recognised(kind: str) -> None:
    for seed in range(2):
        chance = random.Random(f"{kind} {seed}")  # noqa: S311
        copy = local_features(TURNED_OR_CROPPED[kind](scene(seed), chance))
        assert copy_of(features(seed), copy), seed


def test_a_verdict_says_how_the_copy_was_rotated_and_cropped() -> None:
    copy = compare(scene(0), cropped(rotated(scene(0), 8), [0.1, 0.1, 0.2, 0.2]))
    assert copy is not None
    assert copy.turned == pytest.approx(8, abs=0.3)
    assert copy.scale == pytest.approx(0.7, abs=0.02)
    assert copy.shares[0] == pytest.approx(0.49, abs=0.08)
    assert copy.shares[1] > 0.85


def test_a_verdict_is_the_same_from_either_side() -> None:
    whole, part = scene(0), saved(cropped(rotated(scene(0), 8), [0.1, 0.1, 0.2, 0.2]), 60)
    forth, back = compare(whole, part), compare(part, whole)
    assert forth is not None
    assert back is not None
    assert back.the_other_way().turned == pytest.approx(forth.turned, abs=0.3)
    assert back.the_other_way().shares == pytest.approx(forth.shares, abs=0.03)


def test_two_pictures_are_no_copies() -> None:
    assert not any(copy_of(features(0), features(seed)) for seed in range(1, 4))


def test_a_cropped_frame_of_a_fixed_camera_is_a_copy_of_its_own_frame_alone() -> None:
    frame = room_with((200, 40, 40), (60, 50))
    part = cropped(frame, [0.1, 0.05, 0.1, 0.15])
    assert compare(frame, part)
    assert compare(room_with((200, 40, 40), (120, 60)), part) is None
    assert compare(room_with((40, 40, 200), (60, 50)), part) is None


def test_photos_that_lie_on_each_other_as_they_are_are_left_to_fingerprints() -> None:
    assert compare(scene(0), saved(scene(0), 60)) is None
    assert compare(scene(0), rotated(scene(0), 0.2)) is None
    assert compare(scene(0), rotated(scene(0), 1.0))


def test_a_rotation_beyond_14_degrees_and_a_mirror_image_are_no_copies() -> None:
    assert compare(scene(0), rotated(scene(0), 12))
    assert compare(scene(0), rotated(scene(0), 17)) is None
    assert compare(scene(0), flipped(cropped(scene(0), [0.1] * 4))) is None


def test_a_small_corner_of_a_photo_is_no_copy() -> None:
    assert compare(scene(0, (400, 300)), cropped(scene(0, (400, 300)), [0.5, 0.5, 0, 0]))
    assert compare(scene(0, (400, 300)), cropped(scene(0, (400, 300)), [0.7, 0.7, 0, 0])) is None


def test_photos_that_overlap_by_less_than_half_are_no_copies() -> None:
    whole = scene(0, (400, 300))
    left, right = cropped(whole, [0, 0, 0.3, 0]), cropped(whole, [0.2, 0, 0.1, 0])
    assert compare(left, right)
    assert compare(left, cropped(whole, [0.5, 0, 0, 0])) is None


def test_a_photo_of_one_colour_or_too_small_has_no_features() -> None:
    assert len(local_features(Image.new("RGB", (100, 80), "green"))) == 0
    assert len(local_features(scene(0, (90, LEAST_SIDE - 1)))) == 0
    assert len(local_features(scene(0, (90, LEAST_SIDE)))) > 0
    assert compare(Image.new("RGB", (100, 80)), Image.new("RGB", (100, 80))) is None


def test_a_strip_is_compared() -> None:
    strip = scene(0, (1200, 60))
    assert local_features(strip).pixels.shape == (16, 192, 3)
    assert compare(strip, scene(1, (1200, 60))) is None
