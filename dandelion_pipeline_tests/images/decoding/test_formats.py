"""Photos of phones, scanners and instruments: HEIC, AVIF, TIFF, and very large JPEGs."""

import builtins
import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers import isobmff
from dandelion_pipeline.images.decoding.decode import MAX_BYTES, SHORTER_SIDE, decode
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.decoding import bombs
from dandelion_pipeline_tests.images.encoded import encode, exif, heic

PHOTO = render("dandelion", 3, (48, 40))
GREY = np.asarray(PHOTO.convert("L"))
RED, BLUE = (255, 0, 0), (0, 0, 255)


def refusal(data: bytes) -> ImageRefused:
    with pytest.raises(ImageRefused) as caught:
        decode(data)
    return caught.value


def close(data: bytes, expected: Image.Image, tolerance: float) -> bool:
    difference = np.abs(np.asarray(decode(data).image, np.int16) - np.asarray(expected, np.int16))
    return float(difference.mean()) <= tolerance


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg"]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P"])
def test_tiff_files_of_every_kind_become_rgb(compression: str | None, mode: str) -> None:
    if compression == "jpeg" and mode in {"P", "RGBA"}:
        pytest.skip("no program writes them")
    tolerance = 20 if compression == "jpeg" else 1
    expected = PHOTO.convert(mode).convert("RGB")
    assert close(encode(PHOTO.convert(mode), "TIFF", compression=compression), expected, tolerance)


@pytest.mark.parametrize(
    "pixels",
    [
        GREY.astype(np.uint16) << 8,
        GREY.astype(">u2") << 8,
        GREY.astype(np.uint16) << 4,
        GREY.astype(np.float32) / 255,
        GREY.astype(np.float32),
        GREY.astype(np.int32),
    ],
    ids=["16 bits", "16 bits, big-endian", "12 bits in 16", "shares", "levels", "32 bits"],
)
def test_what_instruments_write_is_brought_to_8_bits(pixels: npt.NDArray[np.generic]) -> None:
    expected = Image.fromarray(GREY).convert("RGB")
    assert close(encode(Image.fromarray(pixels), "TIFF"), expected, 1)


def test_floats_of_any_range_go_from_black_to_white_and_those_that_are_no_number_are_zero() -> None:
    pixels = np.linspace(-300, 9000, 400, dtype=np.float32).reshape(20, 20)
    pixels[3, 3] = np.nan
    seen = np.asarray(decode(encode(Image.fromarray(pixels), "TIFF")).image)
    assert (seen.min(), seen.max()) == (0, 255)


def test_of_several_pages_the_first_counts_and_it_is_turned_upright() -> None:
    pages = encode(PHOTO, "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9), RED)])
    assert close(pages, PHOTO, 0)
    photo = decode(encode(PHOTO, "TIFF", tiffinfo={274: 6}))
    assert (photo.width, photo.height) == photo.image.size == (40, 48)


def test_a_compression_that_is_not_read_is_named_with_a_remedy() -> None:
    why = refusal(encode(PHOTO, "TIFF", compression="lzma"))
    assert "compression (number 34925)" in why.why
    assert "magick" in why.remedy


@pytest.mark.parametrize("size", [(5001, 5000), (70_000, 1)])
def test_a_tiff_that_promises_too_much_is_refused_by_its_header(size: tuple[int, int]) -> None:
    data = bytearray(encode(PHOTO, "TIFF"))
    for tag, value in zip((256, 257), size, strict=True):
        at = data.index(struct.pack("<HH", tag, 4))
        data[at + 8 : at + 12] = struct.pack("<I", value)
    assert refusal(bytes(data)).reason == "too_many_pixels"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_as_its_transforms_say(orientation: int) -> None:
    stored = Image.new("RGB", (32, 16), BLUE)
    stored.paste(RED, (0, 0, 16, 8))
    data = encode(stored, "AVIF", exif=exif(orientation=orientation))
    expected = decode(encode(stored, "PNG", exif=exif(orientation=orientation))).image
    photo = decode(data)
    assert photo.image.size == expected.size == (photo.width, photo.height)
    assert close(data, expected, 12)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_heic_and_avif_become_rgb(kind: str, mode: str) -> None:
    assert close(encode(PHOTO.convert(mode), kind), PHOTO.convert(mode).convert("RGB"), 12)


def test_heic_in_tiles_and_avif_that_moves_are_read() -> None:
    large = PHOTO.resize((200, 150))
    assert close(heic(large, tile_size=64), large, 12)
    frames = encode(PHOTO, "AVIF", save_all=True, append_images=[PHOTO.rotate(180)])
    assert close(frames, PHOTO, 12)


@pytest.mark.parametrize("make", [lambda: encode(PHOTO, "AVIF"), lambda: heic(PHOTO)])
def test_a_stream_larger_than_the_file_says_is_refused(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = struct.pack(">II", 48, 40)
    data = make().replace(b"ispe" + bytes(4) + said, b"ispe" + bytes(4) + struct.pack(">II", 8, 8))
    monkeypatch.setattr(isobmff, "MAX_PIXELS", 1000)
    monkeypatch.setattr(isobmff, "MAX_HEIC_PIXELS", 1000)
    assert refusal(data).reason == "too_many_pixels"


def test_without_pillow_heif_a_heic_photo_is_refused_with_two_remedies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, really = heic(PHOTO), builtins.__import__

    def import_(name: str, *rest: object) -> object:
        if name == "pillow_heif":
            raise ImportError(name)
        return really(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", import_)
    why = refusal(data)
    assert why.reason == "unknown_format"
    assert "pip install pillow-heif" in why.remedy
    assert "heif-convert" in why.remedy


@pytest.mark.parametrize("size", [(8000, 6000), (12_000, 9_000), (60_000, 1_800)])
def test_large_jpegs_are_decoded_reduced_and_their_size_is_told(size: tuple[int, int]) -> None:
    photo = decode(encode(Image.new("L", size, 90), "JPEG"))
    assert (photo.width, photo.height) == size
    assert photo.image.width * photo.image.height <= 25_000_000
    assert min(photo.image.size) >= min(SHORTER_SIDE, size[1] // 4)


def test_a_photo_that_is_too_large_is_told_the_limit_its_size_and_how_to_shrink_it() -> None:
    why = refusal(encode(Image.new("1", (6000, 5000)), "PNG"))
    assert "6000 x 5000 pixels (30.0 megapixels)" in why.what
    assert "25 megapixels (JPEG: 200)" in why.why
    assert "magick" in why.remedy
    assert "60 MB" in refusal(b"\xff" * (MAX_BYTES + 1)).why


def test_a_progressive_jpeg_that_takes_too_much_memory_is_told_how_to_save_it() -> None:
    size = (9000, 8000)
    data = bombs.jpeg(size, [bombs.first_scan(size)], components=3)
    why = refusal(data)
    assert why.reason == "too_many_pixels"
    assert "jpegtran" in why.remedy
