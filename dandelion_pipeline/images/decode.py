"""The one decoder that ingest, training and serving share: same bytes, same pixels.

What a file is, is decided by its content, never by its name. The rules:

- JPEG, PNG, WebP, GIF and BMP are read, nothing else.
- The EXIF orientation is applied.
- Of an animation, the first frame counts.
- Transparency is laid over white; palettes, grey, CMYK and 16 bits become 8-bit RGB.
- A file that ends too early is refused, not completed with grey.
- Limits are checked before anything is unpacked.
"""

import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from dandelion_pipeline.errors import ImageRefused

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_BYTES = 20_000_000
MAX_PIXELS = 25_000_000

_EXIF_SOFTWARE = 0x0131  # Exif 2.32, table 4
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True)
class Photo:
    """A decoded photo."""

    image: Image.Image
    """8-bit RGB, upright."""

    format: str
    """One of `FORMATS`."""

    software: str
    """The program that made the file, by its EXIF data; often empty."""


def decode(data: bytes) -> Photo:
    """Decode a photo.

    Raises:
        ImageRefused: with the reason ``empty``, ``too_large``, ``unknown_format``,
            ``too_many_pixels`` or ``broken``.
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
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_pixels(*opened.size)
            opened.load()
            software = str(opened.getexif().get(_EXIF_SOFTWARE, ""))
            upright = ImageOps.exif_transpose(opened)
            return Photo(_as_rgb(upright), str(opened.format), software)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels("a photo") from None
    except UnidentifiedImageError:
        raise ImageRefused(
            "unknown_format",
            "the file",
            "its content is no JPEG, PNG, WebP, GIF or BMP image",
            "Send one of these",
        ) from None
    except _DECODER_ERRORS as error:
        raise ImageRefused(
            "broken", "the photo", f"it cannot be decoded ({error})", "Send an intact copy"
        ) from None


# What Pillow's decoders raise for broken input, found by feeding them mutated files.
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


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"a photo of {width} x {height} pixels")


def _too_many_pixels(what: str) -> ImageRefused:
    return ImageRefused(
        "too_many_pixels",
        what,
        f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels",
        "Send a smaller copy",
    )


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: keep the high byte
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    return image.convert("RGB")
