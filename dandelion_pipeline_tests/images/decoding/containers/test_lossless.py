import pytest
from PIL import Image

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers import lossless
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.decoding.bombs import Bits
from dandelion_pipeline_tests.images.encoded import encode

PHOTO = render("dandelion", 3, (120, 90))


def see_through(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    layer.putalpha(image.convert("L"))
    return layer


# One image for each transform and each way of packing indices that libwebp writes.
IMAGES = {
    "photo": PHOTO,
    "photo with transparency": see_through(PHOTO),
    "grey": PHOTO.convert("L").convert("RGB"),
    "2 colours": PHOTO.quantize(2).convert("RGB"),
    "4 colours": PHOTO.quantize(4).convert("RGB"),
    "16 colours": PHOTO.quantize(16).convert("RGB"),
    "200 colours": PHOTO.quantize(200).convert("RGB"),
    "one colour": Image.new("RGB", (99, 70), (1, 2, 3)),
    "one pixel": Image.new("RGB", (1, 1), (1, 2, 3)),
}


class Watched(lossless._Stream):
    """A stream that remembers what was found on the way."""

    last: "Watched"

    def __init__(self, data: bytes, start: int) -> None:
        super().__init__(data, start)
        self.found: list[tuple[str, int]] = []
        Watched.last = self

    def cache(self) -> int:
        self.found.append(("cache", super().cache()))
        return self.found[-1][1]

    def walk_blocks(self, width: int, height: int) -> int:
        self.found.append(("highest", super().walk_blocks(width, height)))
        return self.found[-1][1]

    def read_codes_of_pixels(self) -> None:
        """Read on. Codes are complete only at the right place."""
        grouped = self.found[-1][0] == "highest"
        groups = self.found[-1][1] + 1 if grouped else 1
        _, cached = self.found[-3 if grouped else -1]
        for _ in range(groups):
            for symbols in (280 + cached, 256, 256, 256, 40):
                self._code(symbols)


@pytest.mark.parametrize("name", list(IMAGES))
@pytest.mark.parametrize("method", [0, 3, 4, 6])
def test_whatever_libwebp_writes_is_walked_to_the_codes_of_the_pixels(
    name: str, method: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossless, "_Stream", Watched)
    data = encode(IMAGES[name], "WEBP", lossless=True, method=method, quality=75)
    assert decode(data).image.size == IMAGES[name].size
    Watched.last.read_codes_of_pixels()


@pytest.mark.parametrize("quality", [10, 100])
def test_packed_transparency_beside_a_lossy_picture_is_walked_too(
    quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossless, "_Stream", Watched)
    data = encode(see_through(PHOTO), "WEBP", method=6, alpha_quality=quality)
    assert decode(data).image.size == PHOTO.size
    Watched.last.read_codes_of_pixels()


def refusal(*numbers: tuple[int, int]) -> str:
    """Why a stream that begins with these numbers is refused."""
    bits = Bits()
    for value, length in numbers:
        bits.put(value, length)
    with pytest.raises(ImageRefused) as caught:
        lossless.check_tables(bytes(bits), 0, 64, 64)
    return caught.value.why


def test_a_transform_that_comes_twice_is_refused() -> None:
    subtract_green = ((1, 1), (2, 2))
    assert refusal(*subtract_green, *subtract_green) == "a transform comes twice"


def test_a_colour_cache_without_a_size_is_refused() -> None:
    assert refusal((0, 1), (1, 1), (0, 4)) == "its colour cache makes no sense"


def test_a_code_that_is_not_complete_is_refused() -> None:
    lengths = ((0, 1), (0, 4), (0, 3), (0, 3), (2, 3), (0, 3))  # one code of two bits
    assert "code" in refusal((1, 1), (0, 2), (0, 3), (0, 1), *lengths, *[(0, 1)] * 900)


def test_numbers_beyond_the_end_are_zeros() -> None:
    stream = lossless._Stream(b"\xff", 0)
    assert (stream.take(8), stream.take(25)) == (255, 0)
