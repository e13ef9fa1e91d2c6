"""The one decoder that ingest, training and serving share: same bytes, same pixels.

What a file is, is decided by its content, never by its name. The rules:

- JPEG, PNG, WebP, GIF and BMP are read, nothing else.
- The EXIF orientation is applied; EXIF data that cannot be read counts as none.
- Of an animation or a phone's multi-picture file, the first picture counts.
- Transparency is laid over white; palettes, grey, CMYK and 16 bits become 8-bit RGB.
- A file that ends too early is refused, not completed with grey.
- Limits are checked before anything is unpacked, and the decoder gets the picture alone.
- A large JPEG is decoded at a half, a quarter or an eighth of its size.

Whatever the bytes, the end is a photo or an `ImageRefused`: within 2 s on one core and 512 MB,
without warnings, in any number of threads.
"""

import io
import struct
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.containers import bmp, essence, gif, jpeg, png, webp
from dandelion_pipeline.images.containers.essence import Essence, broken, too_complex
from dandelion_pipeline.images.containers.exif import read_exif

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
REASONS = ("empty", "too_large", "unknown_format", "too_many_pixels", "too_complex", "broken")
"""Why a photo is refused."""

MAX_BYTES = 20_000_000
MAX_PIXELS = essence.MAX_PIXELS
SHORTER_SIDE = 512
"""Pixels that the shorter side of a JPEG keeps when it is decoded at a reduced size, by default."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = {5, 6, 7, 8}
_WHITE = (255, 255, 255)

_READERS = {
    "JPEG": jpeg.essence,
    "PNG": png.essence,
    "WEBP": webp.essence,
    "GIF": gif.essence,
    "BMP": bmp.essence,
}


@dataclass(frozen=True)
class Photo:
    """A decoded photo."""

    image: Image.Image
    """8-bit RGB, upright; maybe smaller than the photo, as far as was allowed."""

    width: int
    """Pixels of the upright photo, before any reduction."""

    height: int
    """Pixels, like `width`."""

    format: str
    """One of `FORMATS`."""

    software: str
    """The program that made the file, by its EXIF data; often empty."""


def decode(data: bytes, shorter_side: int = SHORTER_SIDE) -> Photo:
    """Decode a photo.

    Args:
        data: the file.
        shorter_side: pixels that the shorter side of a larger JPEG keeps at least.

    Raises:
        ImageRefused: with one of `REASONS`.
    """
    if not data:
        raise ImageRefused("empty", "the file", "it holds no bytes", "Send a photo")
    if len(data) > MAX_BYTES:
        raise ImageRefused(
            "too_large",
            f"a file of {len(data) / 1e6:.1f} MB",
            f"the limit is {MAX_BYTES / 1e6:.0f} MB",
            "Send a smaller copy",
        )
    kind = _format(data)
    try:
        return _photo(_essence(data, kind), kind, shorter_side)
    except UnidentifiedImageError:  # Pillow's own words name an address in memory
        raise broken("its headers make no sense") from None
    except _DECODER_ERRORS as error:
        raise broken(f"it cannot be decoded ({error})") from None
    except MemoryError:
        raise too_complex("it takes more memory to decode than there is") from None


# What Pillow's decoders raise for broken input: the first and the third by mutated files, the
# others by the code of its plugins.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    struct.error,
    OverflowError,
    ZeroDivisionError,
    RuntimeError,
)


def _format(data: bytes) -> str:
    """One of `FORMATS`, by the first bytes."""
    if data.startswith(jpeg.SIGNATURE):
        return "JPEG"
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data.startswith(gif.SIGNATURES):
        return "GIF"
    if webp.is_webp(data):
        return "WEBP"
    if bmp.is_bmp(data):
        return "BMP"
    raise ImageRefused(
        "unknown_format",
        "the file",
        "its content is no JPEG, PNG, WebP, GIF or BMP image",
        "Send one of these",
    )


def _essence(data: bytes, kind: str) -> Essence:
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError):
        raise broken(essence.ENDS_EARLY) from None


def _photo(found: Essence, kind: str, shorter_side: int) -> Photo:
    orientation, software = read_exif(found.exif)
    image = _pixels(found, kind, shorter_side)
    turn = _UPRIGHT.get(orientation)
    if turn is not None:
        image = image.transpose(turn)
    width, height = found.width, found.height
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return Photo(image, width, height, kind, software)


def _pixels(found: Essence, kind: str, shorter_side: int) -> Image.Image:
    """8-bit RGB. What the decoder held is given back before anything else is made of it."""
    with Image.open(io.BytesIO(found.data), formats=(kind,)) as opened:
        if kind == "JPEG":
            opened.draft(None, (shorter_side, shorter_side))
        opened.load()  # before there is a canvas, for decoders take the most while they decode
        image = _on_white(opened)
    if kind != "GIF" or image.size == (found.width, found.height):
        return image
    canvas = Image.new("RGB", (found.width, found.height), _WHITE)
    canvas.paste(image, found.corner)
    return canvas


def _on_white(image: Image.Image) -> Image.Image:
    """A copy in 8-bit RGB."""
    if image.mode == "I;16":  # grey: keep the high byte
        grey = [deep >> 8 for deep in range(65_536)]
        if "transparency" in image.info:
            grey[image.info["transparency"]] = 255
        return image.convert("I").point(grey, "L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image if image.mode in {"RGBA", "LA"} else image.convert("RGBA")
    canvas = Image.new("RGB", image.size, _WHITE)
    canvas.paste(layer, mask=layer)
    return canvas
