"""What a decoder needs of a file, and why it may be refused before one sees it."""

from dataclasses import dataclass

from dandelion_pipeline.errors import ImageRefused

MAX_PIXELS = 25_000_000
MAX_SIDE = 65_535
"""Pixels: the most that JPEG and GIF know. Decoders need memory for each row and each column."""

MAX_PARTS = 10_000
"""Segments or chunks of a file. A 20 MB photo in pieces of 8 kB has 2,500."""

ENDS_EARLY = "it ends too early"


@dataclass(frozen=True)
class Essence:
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


def check_size(width: int, height: int) -> None:
    """Refuse a picture without pixels, or with too many.

    Raises:
        ImageRefused: with the reason ``broken`` or ``too_many_pixels``.
    """
    if min(width, height) < 1:
        raise broken("it has no pixels")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageRefused(
            "too_many_pixels",
            f"a photo of {width} x {height} pixels",
            f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels, and {MAX_SIDE} pixels a side",
            "Send a smaller copy",
        )


def broken(why: str) -> ImageRefused:
    """The file is not as its format wants it."""
    return ImageRefused("broken", "the photo", why, "Send an intact copy")


def too_complex(why: str) -> ImageRefused:
    """The file is made such that decoding it takes too much time or memory."""
    return ImageRefused("too_complex", "the photo", why, "Save it again with another program")
