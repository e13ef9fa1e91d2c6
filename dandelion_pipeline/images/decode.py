"""The one decoder that ingest, training and serving share: same bytes, same pixels.

What a file is, is decided by its content, never by its name. The rules:

- JPEG, PNG, WebP, GIF and BMP are read, nothing else.
- The EXIF orientation is applied; EXIF data that cannot be read counts as none.
- Of an animation or a phone's multi-picture file, the first picture counts.
- Transparency is laid over white; palettes, grey, CMYK and 16 bits become 8-bit RGB.
- A file that ends too early is refused, not completed with grey.
- Limits are checked before anything is unpacked.
"""

import io
import struct
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from dandelion_pipeline.errors import ImageRefused

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_BYTES = 20_000_000
MAX_PIXELS = 25_000_000

_EXIF_ORIENTATION = 0x0112  # Exif 2.32, table 4
_EXIF_SOFTWARE = 0x0131
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
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
            orientation, software = _exif(opened)
            turn = _UPRIGHT.get(orientation)
            upright = opened if turn is None else opened.transpose(turn)
            return Photo(_as_rgb(upright), _format(opened), software)
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
    if min(width, height) < 1:
        raise ImageRefused("broken", "the photo", "it has no pixels", "Send an intact copy")
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"a photo of {width} x {height} pixels")


def _too_many_pixels(what: str) -> ImageRefused:
    return ImageRefused(
        "too_many_pixels",
        what,
        f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels",
        "Send a smaller copy",
    )


def _format(opened: Image.Image) -> str:
    return "JPEG" if opened.format == "MPO" else str(opened.format)


def _exif(opened: Image.Image) -> tuple[int, str]:
    """Orientation and software. Cameras and editors write broken EXIF around sound pixels."""
    try:
        exif = opened.getexif()
        software = exif.get(_EXIF_SOFTWARE, "")
        orientation = exif.get(_EXIF_ORIENTATION)
    except _DECODER_ERRORS:
        return 0, ""
    if not isinstance(orientation, int):
        orientation = 0
    return orientation, software.strip("\0 ") if isinstance(software, str) else ""


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: keep the high byte
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    return image.convert("RGB")
