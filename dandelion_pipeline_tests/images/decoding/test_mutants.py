from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.decode import FORMATS, REASONS, decode
from dandelion_pipeline_tests.images.decoding.mutants import EACH, mutant, mutants, sound_files
from dandelion_pipeline_tests.images.decoding.sandbox import MEGABYTES, SECONDS, Sandbox

NAMES = list(sound_files())
SUPPORTED = ("jpeg", "mpo", "png", "webp", "gif", "bmp", "tiff", "avif", "heic")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as process:
        yield process


@pytest.mark.parametrize("name", NAMES)
def test_every_mutant_is_accepted_or_refused_in_bounds_and_without_a_warning(
    sandbox: Sandbox, name: str
) -> None:
    for number, data in enumerate(mutants(name)):
        outcome = sandbox.decode(data)
        assert outcome.verdict in {*FORMATS, *REASONS}, f"mutant {number} of {name}"
        assert outcome.seconds < SECONDS
        assert outcome.megabytes < MEGABYTES


def test_there_are_five_thousand_mutants_and_more_and_they_differ() -> None:
    assert len(NAMES) * EACH >= 5_000
    every = Counter(data for name in NAMES for data in mutants(name))
    assert len(every) > 0.9 * len(NAMES) * EACH


@pytest.mark.parametrize("name", NAMES)
def test_the_sound_files_themselves_are_accepted_if_their_format_is(name: str) -> None:
    data = sound_files()[name]
    if not name.startswith(SUPPORTED):
        with pytest.raises(ImageRefused) as caught:
            decode(data)
        assert caught.value.reason == "unknown_format"
    else:
        assert decode(data).format in FORMATS


@settings(max_examples=150)
@given(st.sampled_from(NAMES), st.integers(0, 2**32))
def test_whatever_the_bytes_the_same_ones_end_the_same_way(name: str, number: int) -> None:
    data = mutant(name, number)
    assert ending(data) == ending(bytes(bytearray(data)))


@settings(max_examples=150)
@given(st.binary(max_size=300), st.sampled_from(NAMES), st.integers(0, 64))
def test_noise_behind_any_beginning_ends_as_a_photo_or_a_refusal(
    noise: bytes, name: str, length: int
) -> None:
    assert ending(sound_files()[name][:length] + noise)[0] in {*FORMATS, *REASONS}


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(SUPPORTED)])
def test_whatever_is_missing_at_the_end_the_file_is_refused(name: str) -> None:
    data = sound_files()[name]
    end = len(data)
    if name == "mpo":
        end = data.index(b"\xff\xd9") + 2  # of the first picture
    if name == "bmp run lengths":
        end -= 4  # without the end marks of its last line, it is whole all the same
    lengths = {*range(0, end, 37), *range(max(0, end - 40), end)}
    for length in lengths:
        assert ending(data[:length])[0] in REASONS, length


def ending(data: bytes) -> tuple[str, bytes]:
    try:
        photo = decode(data)
    except ImageRefused as refusal:
        return refusal.reason, b""
    assert photo.image.mode == "RGB"
    return photo.format, photo.image.tobytes()
