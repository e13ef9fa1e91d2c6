"""One rule for every kind of pixel: 8-bit RGB, the high byte of 16, transparency over white."""

import struct
import zlib

import pytest
from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline_tests.images.decoding.bombs import bmp, gif
from dandelion_pipeline_tests.images.encoded import encode, exif, png

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
GREY, TRUE, PALETTE, GREY_ALPHA, TRUE_ALPHA = 0, 2, 3, 4, 6  # PNG's colour types


def one_row(
    samples: bytes, width: int, depth: int, color: int, *before: tuple[bytes, bytes]
) -> bytes:
    """A PNG of one row."""
    row = (b"IDAT", zlib.compress(b"\0" + samples))
    return png(width, 1, *before, row, depth=depth, color=color)


def pixels(data: bytes) -> list[tuple[int, int, int]]:
    """The pixels, row by row."""
    flat = decode(data).image.tobytes()
    return [(flat[at], flat[at + 1], flat[at + 2]) for at in range(0, len(flat), 3)]


def deep(*samples: int) -> bytes:
    """16-bit samples."""
    return struct.pack(f">{len(samples)}H", *samples)


def is_near(pixel: object, expected: tuple[int, int, int]) -> bool:
    """Whether a lossy format kept a colour."""
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 12 for a, b in zip(pixel, expected, strict=True))


def test_16_bit_colour_keeps_its_high_bytes() -> None:
    data = one_row(deep(0x1234, 0x00FF, 0xFF00), 1, 16, TRUE)
    assert pixels(data) == [(0x12, 0x00, 0xFF)]


def test_16_bit_transparency_keeps_its_high_byte_and_lies_over_white() -> None:
    samples = deep(0, 0, 0, 0x80FF) + deep(0xFF00, 0, 0, 0xFFFF) + deep(0, 0, 0, 0x00FF)
    assert pixels(one_row(samples, 3, 16, TRUE_ALPHA)) == [(127, 127, 127), RED, WHITE]


def test_16_bit_grey_with_transparency_does_the_same() -> None:
    samples = deep(0, 0x80FF) + deep(0x40FF, 0xFFFF)
    assert pixels(one_row(samples, 2, 16, GREY_ALPHA)) == [(127, 127, 127), (64, 64, 64)]


def test_8_bit_grey_with_transparency_lies_over_white() -> None:
    assert pixels(one_row(bytes([0, 128, 64, 255]), 2, 8, GREY_ALPHA)) == [(127,) * 3, (64,) * 3]


def test_every_transparency_is_rounded_to_the_nearest() -> None:
    layer = Image.frombytes(
        "RGBA", (256, 256), bytes(b for a in range(256) for n in range(256) for b in (n, 0, 255, a))
    )
    for number, (red, _, blue) in enumerate(pixels(encode(layer, "PNG"))):
        alpha, value = divmod(number, 256)
        assert abs(red - (value * alpha + 255 * (255 - alpha)) / 255) <= 0.5
        assert blue == 255


@pytest.mark.parametrize(
    ("depth", "samples"), [(1, b"\x40"), (2, b"\x30"), (4, b"\x0f"), (8, b"\x00\xff")]
)
def test_shallow_grey_is_spread_over_8_bits(depth: int, samples: bytes) -> None:
    assert pixels(one_row(samples, 2, depth, GREY)) == [BLACK, WHITE]


@pytest.mark.parametrize(
    ("depth", "samples", "clear", "other"),
    [(1, b"\x40", 0, 255), (2, b"\x60", 1, 170), (4, b"\x56", 5, 102), (8, b"\x05\x06", 5, 6)],
)
def test_a_transparent_grey_is_white_at_every_depth(
    depth: int, samples: bytes, clear: int, other: int
) -> None:
    data = one_row(samples, 2, depth, GREY, (b"tRNS", deep(clear)))
    assert pixels(data) == [WHITE, (other, other, other)]


def test_a_transparent_16_bit_grey_is_white() -> None:
    data = one_row(deep(0x1234, 0x2234), 2, 16, GREY, (b"tRNS", deep(0x1234)))
    assert pixels(data) == [WHITE, (0x22, 0x22, 0x22)]


def test_a_transparent_colour_is_white() -> None:
    shallow = one_row(bytes([1, 2, 3, 4, 5, 6]), 2, 8, TRUE, (b"tRNS", deep(1, 2, 3)))
    assert pixels(shallow) == [WHITE, (4, 5, 6)]
    both = deep(0x0101, 0x0202, 0x0303, 0x0404, 0x0505, 0x0606)
    data = one_row(both, 2, 16, TRUE, (b"tRNS", deep(0x0101, 0x0202, 0x0303)))
    assert pixels(data) == [WHITE, (4, 5, 6)]


def test_a_palette_colour_may_be_half_transparent() -> None:
    palette, alpha = (b"PLTE", bytes([0, 0, 0, 255, 0, 0])), (b"tRNS", bytes([128]))
    assert pixels(one_row(b"\0\1", 2, 8, PALETTE, palette, alpha)) == [(127, 127, 127), RED]


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_one_bit_is_black_or_white(kind: str) -> None:
    image = Image.new("1", (2, 1), 0)
    image.putpixel((1, 0), 1)
    assert pixels(encode(image, kind)) == [BLACK, WHITE]


def test_an_animated_png_is_the_picture_that_everybody_sees() -> None:
    options = {"save_all": True, "append_images": [Image.new("RGB", (2, 1), BLUE)]}
    data = encode(Image.new("RGB", (2, 1), RED), "PNG", default_image=True, **options)
    assert pixels(data) == [RED, RED]


def test_the_first_frame_of_an_animated_webp_lies_on_white_at_its_place() -> None:
    still = encode(Image.new("RGB", (2, 2), RED), "WEBP", lossless=True)[12:]
    chunks = [
        (b"VP8X", bytes([2, 0, 0, 0, 3, 0, 0, 3, 0, 0])),
        (b"ANIM", bytes(6)),
        (b"ANMF", frame_header(2, 2, 2, 2) + still),
    ]
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(c)) + c for name, c in chunks)
    image = decode(b"RIFF" + struct.pack("<I", len(body)) + body).image
    assert [image.getpixel(at) for at in ((0, 0), (2, 2), (3, 3))] == [WHITE, RED, RED]


def frame_header(left: int, top: int, width: int, height: int) -> bytes:
    """Of an animation's frame (RFC 9649, section 2.7.1.1)."""
    numbers = (left // 2, top // 2, width - 1, height - 1, 0)
    return b"".join(struct.pack("<I", number)[:3] for number in numbers) + b"\0"


def test_the_first_frame_of_a_gif_lies_on_white_at_its_place() -> None:
    image = decode(gif(b"", canvas=(4, 3), frame=(1, 2, 2, 1))).image
    assert image.size == (4, 3)
    assert [image.getpixel((x, 2)) for x in range(4)] == [WHITE, RED, (0, 255, 0), WHITE]
    assert image.getpixel((1, 1)) == WHITE


def test_a_gif_frame_beyond_the_canvas_widens_it() -> None:
    image = decode(gif(b"", canvas=(1, 1), frame=(3, 0, 2, 1))).image
    assert [image.getpixel((x, 0)) for x in range(5)] == [WHITE, WHITE, WHITE, RED, (0, 255, 0)]


def test_cmyk_with_luma_and_chroma_becomes_rgb() -> None:
    # Adobe's files hold inverted inks, and YCCK the YCbCr of their inverse; Pillow inverts too.
    inks = Image.new("RGB", (1, 1), (0, 255, 255))
    y, cb, cr = inks.convert("YCbCr").getpixel((0, 0))  # type: ignore[misc]
    stored = Image.new("CMYK", (16, 16), (255 - y, 255 - cb, 255 - cr, 0))
    data = encode(stored, "JPEG", quality=95)
    adobe = data.index(b"Adobe") + 11
    turned = data[:adobe] + b"\2" + data[adobe + 1 :]  # the transform: YCCK
    assert is_near(decode(turned).image.getpixel((8, 8)), RED)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [("CMYK", (0, 255, 255, 0), RED), ("L", 200, (200, 200, 200)), ("RGB", BLUE, BLUE)],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_at_reduced_size_keeps_its_colours(
    mode: str, color: int | tuple[int, ...], expected: tuple[int, int, int], progressive: bool
) -> None:
    data = encode(Image.new(mode, (1024, 1030), color), "JPEG", progressive=progressive)
    image = decode(data).image
    assert (image.mode, image.size) == ("RGB", (512, 515))
    assert is_near(image.getpixel((99, 99)), expected)


def test_a_phones_multi_picture_file_is_turned_upright() -> None:
    frames = {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]}
    data = encode(Image.new("RGB", (32, 16), RED), "MPO", exif=exif(orientation=6), **frames)
    photo = decode(data)
    assert (photo.format, photo.image.size) == ("JPEG", (16, 32))


def test_a_bitmap_may_be_stored_from_the_top_down() -> None:
    rows = bytes([0, 0, 255, 0]) + bytes([255, 0, 0, 0])  # red, blue; each row fills four bytes
    data = bmp((1, -2), 0, rows, depth=24)
    assert pixels(data) == [RED, BLUE]
    assert decode(data).height == 2


def test_a_bitmap_may_be_packed_in_run_lengths() -> None:
    first, second, third, last = pixels(bmp((4, 1), 1, b"\3\7\1\1\0\0\0\1"))
    assert first == second == third != last


@pytest.mark.parametrize("lossless", [False, True])
def test_a_transparent_webp_lies_over_white(lossless: bool) -> None:
    layer = Image.new("RGBA", (16, 16), (0, 0, 0, 128))
    image = decode(encode(layer, "WEBP", lossless=lossless, exact=True)).image
    assert is_near(image.getpixel((8, 8)), (127, 127, 127))


def test_a_transparent_bitmap_lies_over_white() -> None:
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 56, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0) + masks
    data = b"BM" + struct.pack("<IHHI", 74, 0, 0, 70) + header + bytes([0, 0, 0, 128])
    assert pixels(data) == [(127, 127, 127)]
