"""GIF files (GIF89a): the first frame.

Pillow reads comments and extensions in Python, block by block, and a block may have one byte.
"""

import struct
from collections.abc import Iterator

from dandelion_pipeline.images.decoding.containers.sanitized import (
    Sanitized,
    broken,
    check_size,
    too_complex,
)

SIGNATURES = (b"GIF87a", b"GIF89a")
MAX_BLOCKS = 500_000
"""Of up to 255 bytes each. A full 20 MB file has 80,000."""

_EXTENSION, _FRAME, _TRAILER = b"!,;"
_GRAPHIC_CONTROL = 0xF9
_HAS_TABLE = 0x80


def sanitized(data: bytes) -> Sanitized:
    """The first frame, on a canvas of its own size.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    colors = data[13 : 13 + _table_size(flags)]
    control, first = b"", None
    for kind, start, end in _blocks(data, 13 + len(colors)):
        if kind == _FRAME and first is None:
            first = start, end
        elif kind == _EXTENSION and data[start + 1] == _GRAPHIC_CONTROL and first is None:
            control = data[start:end]
    if first is None:
        raise broken("it holds no picture")
    left, top, across, down = struct.unpack_from("<4H", data, first[0] + 1)
    check_size(across, down)
    width, height = max(width, left + across), max(height, top + down)  # as browsers do
    check_size(width, height)
    alone = (
        SIGNATURES[1],
        struct.pack("<HHBBB", across, down, flags, 0, 0),
        colors,
        _transparency(control),
        struct.pack("<B4H", _FRAME, 0, 0, across, down),
        data[first[0] + 9 : first[1]],
        b";",
    )
    return Sanitized(b"".join(alone), width, height, corner=(left, top))


def _blocks(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of each extension and frame, up to the trailer."""
    for _ in range(MAX_BLOCKS):
        start, kind = at, data[at]
        if kind == _TRAILER:
            return
        if kind == 0:  # some programs end a frame twice
            at += 1
            continue
        if kind == _FRAME:
            at += 11 + _table_size(data[at + 9])
        elif kind == _EXTENSION:
            at += 2
        else:
            raise broken(f"block {kind:X} is unknown")
        at = _end_of_data(data, at)
        yield kind, start, at
    raise too_complex(f"it has more than {MAX_BLOCKS} blocks")


def _end_of_data(data: bytes, at: int) -> int:
    for _ in range(MAX_BLOCKS):
        length = data[at]
        at += 1 + length
        if not length:
            return at
    raise too_complex(f"it has more than {MAX_BLOCKS} blocks")


def _table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _HAS_TABLE else 0


def _transparency(control: bytes) -> bytes:
    """The graphic control extension without what only animations need."""
    if not control:
        return b""
    _, _, length, flags, _, transparent = struct.unpack_from("<BBBBHB", control)
    if length < 4:  # noqa: PLR2004 (GIF89a, section 23)
        raise broken("its graphic control is too short")
    return struct.pack("<BBBBHBB", _EXTENSION, _GRAPHIC_CONTROL, 4, flags & 1, 0, transparent, 0)
