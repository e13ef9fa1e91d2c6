"""The one decoder that ingest, training and serving share: same bytes, same pixels.

What a file is, is decided by its content, never by its name. The rules:

- JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF and TIFF are read, nothing else. What another file really
  is, and how to convert it, is said in the refusal.
- The EXIF orientation is applied; EXIF data that cannot be read counts as none.
- Of an animation, a phone's multi-picture file or several pages, the first picture counts.
- Transparency is laid over white; palettes, grey, CMYK, 16 bits and floats become 8-bit RGB.
- A file that ends too early is refused, not completed with grey.
- Limits are checked before anything is unpacked, and the decoder gets the picture alone.
- A large JPEG is decoded at a half, a quarter or an eighth of its size: so it may have 200
  megapixels, HEIC 50, and what has to be decoded whole 25.

Whatever the bytes, the end is a photo or an `ImageRefused`: within 2 s on one core (3 s for 50
megapixels of noise in HEIC) and 512 MB, without warnings, in any number of threads.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers import (
    bmp,
    gif,
    isobmff,
    jpeg,
    png,
    sanitized,
    tiff,
    webp,
)
from dandelion_pipeline.images.decoding.containers.exif import read_exif
from dandelion_pipeline.images.decoding.containers.sanitized import (
    SHRINK,
    Sanitized,
    broken,
    too_complex,
)
from dandelion_pipeline.images.decoding.identify import identify, is_raw
from dandelion_pipeline.images.decoding.pixels import pixels, upright, upright_pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF", "TIFF")
"""As Pillow names them; HEIC is one of the kinds of HEIF."""

NAMES = "JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF"
"""The same for people."""

REASONS = ("empty", "too_large", "unknown_format", "too_many_pixels", "too_complex", "broken")
"""Why a photo is refused."""

MAX_BYTES = 60_000_000
"""A JPEG of 200 megapixels by a phone has 20 to 60 MB."""

MAX_PIXELS = sanitized.MAX_PIXELS
SHORTER_SIDE = 512
"""Pixels that the shorter side of a JPEG keeps when it is decoded at a reduced size, by default."""

_ON_ITS_SIDE = {5, 6, 7, 8}

_READERS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], Sanitized]]] = {
    "JPEG": (lambda data: data.startswith(jpeg.SIGNATURE), jpeg.sanitized),
    "PNG": (lambda data: data.startswith(png.SIGNATURE), png.sanitized),
    "WEBP": (webp.is_webp, webp.sanitized),
    "GIF": (lambda data: data.startswith(gif.SIGNATURES), gif.sanitized),
    "BMP": (bmp.is_bmp, bmp.sanitized),
    "AVIF": (isobmff.is_avif, isobmff.sanitized),
    "HEIF": (isobmff.is_heic, isobmff.sanitized),
    "TIFF": (lambda data: data.startswith(tiff.SIGNATURES) and not is_raw(data), tiff.sanitized),
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
        raise ImageRefused(
            "empty", "the file", "it is empty: it holds no bytes", "Copy or download it again"
        )
    if len(data) > MAX_BYTES:
        raise ImageRefused(
            "too_large",
            f"a file of {len(data) / 1e6:.1f} MB",
            f"the limit is {MAX_BYTES / 1e6:.0f} MB",
            SHRINK,
        )
    kind = _format(data)
    try:
        return _photo(_sanitized(data, kind), kind, shorter_side)
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
    for kind, (is_of_kind, _) in _READERS.items():
        if is_of_kind(data):
            return kind
    found = identify(data)
    raise ImageRefused(
        "unknown_format",
        "the file",
        f"it is {found.what}" if found else f"its content is no {NAMES} image",
        found.remedy if found else "Save it as one of these, such as JPEG",
    )


def _sanitized(data: bytes, kind: str) -> Sanitized:
    try:
        return _READERS[kind][1](data)
    except (struct.error, IndexError):
        raise broken(sanitized.ENDS_EARLY) from None


def _photo(found: Sanitized, kind: str, shorter_side: int) -> Photo:
    if kind in {"HEIF", "AVIF"}:
        image, size = upright_pixels(found, kind)
        return Photo(image, *size, kind, "")
    orientation, software = read_exif(found.exif)
    image = upright(pixels(found, kind, shorter_side), orientation)
    width, height = found.width, found.height
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return Photo(image, width, height, kind, software)
