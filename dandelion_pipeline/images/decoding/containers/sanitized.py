"""What a decoder needs of a file, and why it may be refused before one sees it."""

from dataclasses import dataclass

from dandelion_pipeline.errors import ImageRefused

MAX_PIXELS = 25_000_000
"""Of formats that are decoded whole."""

MAX_JPEG_PIXELS = 200_000_000
"""libjpeg decodes large ones at a half, a quarter or an eighth, and makes no pixel more."""

SHRINK = "Shrink a copy: `magick photo.tif -resize 2048x2048 copy.jpg`"
"""What to do about a photo that is too large."""

MAX_SIDE = 65_535
"""Pixels: the most that JPEG and GIF know. Decoders need memory for each row and each column."""

MAX_PARTS = 10_000
"""Segments or chunks of a file. A 20 MB photo in pieces of 8 kB has 2,500."""

ENDS_EARLY = "it ends too early, as after a copy or download that was interrupted"


@dataclass(frozen=True)
class Sanitized:
    """The first picture of a file."""

    data: bytes
    """A file of the same format with this picture alone, without metadata."""

    width: int
    """Pixels, as they are stored: before the EXIF orientation is applied."""

    height: int
    """Pixels, like `width`."""

    exif: bytes = b""
    """A TIFF block (Exif 2.32, 4.5), maybe a broken one."""

    corner: tuple[int, int] = (0, 0)
    """Where the upper left corner of the decoded picture lies in `width` x `height` pixels."""


def check_size(width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Refuse a picture without pixels, or with too many.

    Args:
        width: pixels.
        height: likewise.
        most: pixels that the format may have.

    Raises:
        ImageRefused: with the reason ``broken`` or ``too_many_pixels``.
    """
    if min(width, height) < 1:
        raise broken("it has no pixels")
    if width * height > most or max(width, height) > MAX_SIDE:
        jpegs = "" if most > MAX_PIXELS else f" (JPEG: {MAX_JPEG_PIXELS / 1e6:.0f})"
        raise ImageRefused(
            "too_many_pixels",
            f"a photo of {width} x {height} pixels ({width * height / 1e6:.1f} megapixels)",
            f"the limit is {most / 1e6:.0f} megapixels{jpegs}, and {MAX_SIDE} pixels a side",
            SHRINK,
        )


def broken(why: str) -> ImageRefused:
    """The file is not as its format wants it."""
    return ImageRefused("broken", "the photo", why, "Copy or download it again")


def too_complex(why: str) -> ImageRefused:
    """The file is made such that decoding it takes too much time or memory."""
    return ImageRefused("too_complex", "the photo", why, "Save it again with another program")
