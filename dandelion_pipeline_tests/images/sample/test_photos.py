import io
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.sample.photos import (
    LABELS,
    SOFTWARE,
    SampleSpec,
    generate,
    is_sample,
    render,
)

SMALL = SampleSpec(per_class=3, size=(64, 48))


def test_equal_specs_give_equal_bytes() -> None:
    assert list(generate(SMALL)) == list(generate(SMALL))


def test_another_seed_gives_other_photos() -> None:
    other = SampleSpec(per_class=3, size=(64, 48), seed=8)
    assert not {data for _, _, data in generate(SMALL)} & {data for _, _, data in generate(other)}
    assert not {name for _, name, _ in generate(SMALL)} & {name for _, name, _ in generate(other)}


def test_more_photos_begin_with_the_same_ones() -> None:
    more = SampleSpec(per_class=5, size=(64, 48))
    assert list(islice(generate(more), 3)) == list(islice(generate(SMALL), 3))


def test_every_class_gets_as_many_as_asked_for_and_no_two_are_alike() -> None:
    photos = list(generate(SMALL))
    assert [label for label, _, _ in photos] == [label for label in LABELS for _ in range(3)]
    assert len({(label, name) for label, name, _ in photos}) == len(photos)
    assert len({data for _, _, data in photos}) == len(photos)


def test_every_file_says_that_it_was_generated() -> None:
    for _, _, data in generate(SMALL):
        photo = decode(data)
        assert photo.format == "JPEG"
        assert photo.software == SOFTWARE
        assert is_sample(photo)


def test_a_photo_from_elsewhere_is_no_sample() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    assert not is_sample(decode(out.getvalue()))


@pytest.mark.parametrize("size", [(256, 192), (1, 1), (3, 200), (321, 17), (1_600, 1_300)])
@pytest.mark.parametrize("label", LABELS)
def test_photos_have_the_size_asked_for(label: str, size: tuple[int, int]) -> None:
    image = render(label, 11, size)
    assert (image.size, image.mode) == (size, "RGB")


def test_dandelions_and_grass_differ_yet_no_single_color_tells_them_apart() -> None:
    means = {
        label: np.array([np.asarray(render(label, n, (64, 48))).mean((0, 1)) for n in range(40)])
        for label in LABELS
    }
    for channel in range(3):
        dandelion, grass = (means[label][:, channel] for label in LABELS)
        cuts = np.concatenate([dandelion, grass])
        right = [((dandelion > cut).sum() + (grass <= cut).sum()) / 80 for cut in cuts]
        assert max(*right, *(1 - share for share in right)) < 0.95
