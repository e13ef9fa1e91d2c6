"""BMP files (Microsoft, BITMAPINFOHEADER): their size, and how they are packed.

They have no metadata, so the whole file is the picture.
"""

import struct

from dandelion_pipeline.images.decoding.containers.sanitized import (
    Sanitized,
    check_size,
    too_complex,
)

SIGNATURE = b"BM"
RUN_LENGTH_BUDGET = 3_000_000
"""Pixels and bytes together. Pillow unpacks run lengths in Python, some 5 MB a second."""

_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_OLD_HEADER = 12
_RUN_LENGTHS = {1, 2}


def is_bmp(data: bytes) -> bool:
    """Whether this is a bitmap; many a text begins with the same two letters."""
    return data.startswith(SIGNATURE) and int.from_bytes(data[14:18], "little") in _HEADERS


def sanitized(data: bytes) -> Sanitized:
    """The file as it is.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    compression = 0
    if data[14] == _OLD_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height, _, _, compression = struct.unpack_from("<IiHHI", data, 18)
    height = abs(height)  # negative ones are stored from the top down
    check_size(width, height)
    if compression in _RUN_LENGTHS and width * height + len(data) > RUN_LENGTH_BUDGET:
        raise too_complex(f"it is packed in run lengths, and has {width} x {height} pixels")
    return Sanitized(data, width, height)
