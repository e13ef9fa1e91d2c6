import random
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding import decode as decoder
from dandelion_pipeline.images.decoding.decode import FORMATS, decode
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.encoded import encode, exif, png

PHOTO = render("dandelion", 3, (48, 40))
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def reason(data: bytes) -> str:
    with pytest.raises(ImageRefused) as caught:
        decode(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_becomes_upright_8_bit_rgb(kind: str) -> None:
    photo = decode(encode(PHOTO, kind))
    assert (photo.format, photo.image.mode, photo.image.size) == (kind, "RGB", (48, 40))


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_lossless_pixels_stay_as_they_are(kind: str) -> None:
    assert decode(encode(PHOTO, kind)).image.tobytes() == PHOTO.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    # Exif 2.32: 1 upright, 2 mirrored, 3 upside down, 4 flipped, 5 to 8 the same on their side
    stored = Image.new("RGB", (32, 16), BLUE)
    stored.paste(RED, (0, 0, 16, 8))  # the corner by the stored first row and first column
    upright = decode(encode(stored, kind, exif=exif(orientation=orientation))).image
    assert upright.size == ((32, 16) if orientation < 5 else (16, 32))
    width, height = upright.size
    x = 2 if orientation in (1, 4, 5, 8) else width - 3
    y = 2 if orientation in (1, 2, 5, 6) else height - 3
    red, _, blue = upright.getpixel((x, y))  # type: ignore[misc]
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation: int) -> None:
    assert decode(encode(PHOTO, "PNG", exif=exif(orientation=orientation))).image.size == (48, 40)


def test_the_software_is_told() -> None:
    assert decode(encode(PHOTO, "JPEG", exif=exif(software="a camera"))).software == "a camera"
    assert decode(encode(PHOTO, "JPEG")).software == ""


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_exif_data_that_cannot_be_read_counts_as_none() -> None:
    block = b"Exif\0\0MM\0\x2a\xff\xff\xff\xff"
    photo = decode(encode(PHOTO, "JPEG", exif=block))
    assert (photo.image.size, photo.software) == ((48, 40), "")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    assert decode(encode(clear, "PNG")).image.getpixel((3, 3)) == WHITE


def test_half_transparency_is_half_white() -> None:
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert decode(encode(half, "PNG")).image.getpixel((3, 3)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_color_is_white(kind: str) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 1)
    decoded = decode(encode(image, kind, transparency=0)).image
    assert decoded.getpixel((3, 3)) == WHITE
    assert decoded.getpixel((0, 0)) == RED


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palettes_become_rgb(mode: str) -> None:
    image = Image.new("RGB", (8, 8), WHITE).convert(mode)
    assert decode(encode(image, "PNG")).image.getpixel((3, 3)) == WHITE


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    r, g, b = decode(encode(red, "JPEG", quality=95)).image.getpixel((8, 8))  # type: ignore[misc]
    assert r > 240
    assert max(g, b) < 15


@pytest.mark.parametrize(("deep", "shallow"), [(0, 0), (128, 0), (32_768, 128), (65_535, 255)])
def test_16_bit_grey_keeps_its_high_byte(deep: int, shallow: int) -> None:
    photo = decode(encode(Image.new("I;16", (8, 8), deep), "PNG"))
    assert photo.image.getpixel((3, 3)) == (shallow, shallow, shallow)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, BLUE)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    r, g, b = decode(data).image.getpixel((8, 8))  # type: ignore[misc]
    assert r > 240
    assert max(g, b) < 15


def test_a_phones_multi_picture_file_is_a_jpeg() -> None:
    data = encode(PHOTO, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    photo = decode(data)
    assert (photo.format, photo.image.size) == ("JPEG", (48, 40))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_ends_too_early_is_refused(kind: str, share: float) -> None:
    data = encode(PHOTO, kind)
    assert reason(data[: int(len(data) * share)]) == "broken"


def test_a_progressive_jpeg_that_ends_too_early_is_refused() -> None:
    data = encode(PHOTO, "JPEG", progressive=True)
    assert reason(data[: int(len(data) * 0.8)]) == "broken"


def test_an_empty_file_is_refused() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize("data", [b"Dear photographer,\n", b"\0" * 1000, b"<svg/>", b"%PDF-1.7"])
def test_a_file_that_is_no_image_is_refused_whatever_its_name(data: bytes) -> None:
    assert reason(data) == "unknown_format"


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "JPEG2000", "PCX", "EPS"])
def test_other_formats_are_refused(kind: str) -> None:
    assert reason(encode(PHOTO, kind)) == "unknown_format"


@pytest.mark.parametrize("size", [(5_001, 5_000), (9_000, 9_000)])
def test_too_many_pixels_are_refused_by_the_header_alone(size: tuple[int, int]) -> None:
    assert reason(png(*size)) == "too_many_pixels"


@pytest.mark.parametrize("size", [(12_000, 12_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_by_the_header_alone(size: tuple[int, int]) -> None:
    assert reason(png(*size)) == "too_many_pixels"


def test_a_text_chunk_that_unpacks_to_much_is_refused() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    pixels = zlib.compress(b"\0" * 4)
    data = png(1, 1, (b"zTXt", b"Comment\0\0" + bomb), (b"IDAT", pixels))
    assert reason(data) in ("broken", "unknown_format")


def test_as_many_pixels_as_allowed_are_accepted() -> None:
    assert decode(encode(Image.new("L", (5_000, 5_000)), "PNG")).image.size == (5_000, 5_000)


def test_too_many_bytes_are_refused_unread() -> None:
    sound = encode(PHOTO, "JPEG")
    assert reason(sound + bytes(decoder.MAX_BYTES)) == "too_large"
    assert decode(sound + bytes(decoder.MAX_BYTES - len(sound))).format == "JPEG"


def test_the_same_bytes_give_the_same_pixels() -> None:
    data = encode(PHOTO, "JPEG", quality=60)
    assert decode(data).image.tobytes() == decode(data).image.tobytes()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("shorter", "reduced"),
    [(511, 511), (1023, 1023), (1024, 512), (2047, 1024), (2048, 512), (4095, 1024), (4100, 513)],
)
def test_a_large_jpeg_keeps_512_pixels_and_its_size_is_told(
    shorter: int, reduced: int, orientation: int
) -> None:
    image = Image.new("L", (shorter + 8, shorter), 99)
    photo = decode(encode(image, "JPEG", exif=exif(orientation=orientation)))
    assert sorted([photo.width, photo.height]) == [shorter, shorter + 8]
    assert (photo.width < photo.height) == (orientation == 6)
    assert min(photo.image.size) == reduced
    assert (photo.image.width < photo.image.height) == (orientation == 6)


@pytest.mark.parametrize(
    ("asked", "reduced"), [(16, 75), (75, 75), (76, 150), (150, 150), (151, 300), (301, 600)]
)
def test_a_large_jpeg_keeps_as_many_pixels_as_it_is_asked_to(asked: int, reduced: int) -> None:
    photo = decode(encode(Image.new("L", (800, 600), 99), "JPEG"), asked)
    assert (photo.width, photo.height) == (800, 600)
    assert min(photo.image.size) == reduced


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_other_formats_keep_all_their_pixels(kind: str) -> None:
    photo = decode(encode(Image.new("RGB", (1030, 1024)), kind))
    assert photo.image.size == (photo.width, photo.height) == (1030, 1024)


def test_the_size_is_that_of_the_upright_photo() -> None:
    photo = decode(encode(PHOTO, "PNG", exif=exif(orientation=8)))
    assert (photo.width, photo.height) == photo.image.size == (40, 48)


def test_many_threads_see_the_same_pixels_and_no_warning() -> None:
    files = originals() * 8
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("error")
        photos = list(pool.map(decode, files))
    pixels = [photo.image.tobytes() for photo in photos]
    assert pixels == pixels[: len(files) // 8] * 8


def test_a_refusal_does_not_name_addresses_in_memory() -> None:
    data = encode(PHOTO, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x09")
    with pytest.raises(ImageRefused, match="its headers make no sense"):
        decode(data)


def test_a_lack_of_memory_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoder, "pixels", fail)
    assert reason(encode(PHOTO, "JPEG")) == "too_complex"


def originals() -> list[bytes]:
    turned = exif(orientation=6, software="x")
    frames = {"save_all": True, "append_images": [PHOTO.rotate(90)]}
    return [
        encode(PHOTO, "JPEG", exif=turned),
        encode(PHOTO, "JPEG", progressive=True),
        encode(PHOTO.convert("CMYK"), "JPEG"),
        encode(PHOTO, "MPO", **frames),
        encode(PHOTO, "PNG"),
        encode(PHOTO.quantize(16), "PNG", transparency=0, exif=turned),
        encode(Image.new("I;16", (40, 30), 40_000), "PNG"),
        encode(PHOTO, "PNG", **frames),
        encode(PHOTO, "GIF", **frames),
        encode(PHOTO.quantize(200), "BMP"),
        encode(PHOTO, "WEBP", exif=turned),
        encode(PHOTO, "WEBP", lossless=True),
        encode(PHOTO, "WEBP", **frames),
    ]


def mutant(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        if not changed:
            break
        end = min(len(changed), 400) if chance.random() < 0.6 else len(changed)
        at = chance.randrange(end)
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(1, 40)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randrange(1, 20))
            case _ if chance.random() < 0.3:
                del changed[at:]
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(originals())))
def test_altered_files_are_decoded_or_refused_and_nothing_else(number: int) -> None:
    data, chance = originals()[number], random.Random(number)  # noqa: S311
    for _ in range(40):
        outcome = judge(mutant(data, chance))
        assert outcome in {*FORMATS, "empty", "unknown_format", "too_many_pixels", "broken"}


def judge(data: bytes) -> str:
    try:
        photo = decode(data)
    except ImageRefused as refusal:
        return refusal.reason
    assert photo.image.mode == "RGB"
    return photo.format
