"""JPEG files (ITU-T T.81): the first picture's segments, and how much work they ask for.

libjpeg goes through the whole picture for each scan, and a scan may be 30 bytes long. Pillow
reads the segments before the first scan in Python, and what lies between them byte by byte.
"""

import re
import struct
from collections.abc import Iterator

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers.sanitized import (
    ENDS_EARLY,
    MAX_JPEG_PIXELS,
    MAX_PARTS,
    Sanitized,
    broken,
    check_size,
    too_complex,
)

SIGNATURE = b"\xff\xd8\xff"
SCAN_BUDGET = 1_000_000_000
"""Pixels times scans. Camera and web photos have 1 to 15 scans; 40 at 25 megapixels are 0.6 s."""

MAX_COEFFICIENTS = 320_000_000
"""Bytes that libjpeg keeps of a JPEG of several scans: 2 for each sample. 53 megapixels of three
full channels, or 106 where colours have half the resolution."""

_MAX_HEADERS = 64  # segments before the first scan that matter; a dozen in practice
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # T.81, B.1.1.3: those that end a scan
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_PROGRESSIVE = 0xC2
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # T.81, table B.1
_READ_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, Huffman-coded
_HIERARCHICAL = {0xDE, 0xDF}
_KEPT = {*_READ_FRAMES, 0xC4, 0xDB, 0xDD, 0xE0, 0xEE}  # tables, restarts, JFIF and Adobe
_EXIF = b"Exif\0\0"


def sanitized(data: bytes) -> Sanitized:
    """The first picture, up to its end; a phone's further pictures lie behind it.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    kept = [data[:2]]
    size, exif, samples = (0, 0), b"", 0.0
    first_scan = scans = end = 0
    several = False
    for marker, start, end in _segments(data):
        if marker in _FRAMES | _HIERARCHICAL:
            if size != (0, 0) or marker not in _READ_FRAMES:
                raise broken(f"this kind of JPEG (marker {marker:X}) is not read")
            size, samples = _size(data, start), _samples_per_pixel(data[start:end])
            several = marker == _PROGRESSIVE
        elif marker == _SOS:
            scans += 1
            first_scan = first_scan or start
        elif marker == _APP1 and not exif and data.startswith(_EXIF, start + 4):
            exif = data[start + 4 + len(_EXIF) : end]
        if marker in _KEPT and not scans:
            kept.append(data[start:end])
    if size == (0, 0) or not scans:
        raise broken("it holds no picture")
    if scans * size[0] * size[1] > SCAN_BUDGET or len(kept) > _MAX_HEADERS:
        raise too_complex(f"its {size[0]} x {size[1]} pixels come in {scans} scans")
    if several or scans > 1:
        _check_coefficients(*size, samples)
    scans_alone = memoryview(data)[first_scan:end]  # some MB, and to copy them once is enough
    return Sanitized(b"".join([*kept, scans_alone]), *size, exif)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, up to the end of the picture."""
    at = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None:
            raise broken(ENDS_EARLY)
        marker = data[found.end() - 1]
        if marker == _EOI:
            yield marker, *found.span()
            return
        (length,) = struct.unpack_from(">H", data, found.end())
        at = found.end() + length
        if marker == _SOI or length < 2 or at > len(data):  # noqa: PLR2004 (counts itself)
            raise broken(ENDS_EARLY)
        yield marker, found.start(), at
    raise too_complex(f"it has more than {MAX_PARTS} segments")


def _size(data: bytes, frame: int) -> tuple[int, int]:
    height, width = struct.unpack_from(">HH", data, frame + 5)
    check_size(width, height, MAX_JPEG_PIXELS)
    return width, height


def _samples_per_pixel(frame: bytes) -> float:
    """Samples of all components, by their sampling factors (T.81, B.2.2)."""
    factors = [(byte >> 4) * (byte & 15) for byte in frame[11::3]]
    return sum(factors) / max(factors, default=1) if all(factors) else len(factors)


def _check_coefficients(width: int, height: int, samples: float) -> None:
    needed = 2 * width * height * samples
    if needed > MAX_COEFFICIENTS:
        raise ImageRefused(
            "too_many_pixels",
            f"a progressive JPEG of {width} x {height} pixels",
            f"decoding it takes {needed / 1e6:.0f} MB, and the limit is "
            f"{MAX_COEFFICIENTS / 1e6:.0f}",
            "Save it without progression, which loses nothing: `jpegtran -copy all photo.jpg "
            "> copy.jpg`",
        )
