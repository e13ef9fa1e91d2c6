"""The two EXIF tags that matter here, read without Pillow.

Pillow warns about EXIF data that it cannot read, and warnings cannot be caught in one thread
without catching them in all.
"""

import struct
from contextlib import suppress

_ORIENTATION = 0x0112  # Exif 2.32, table 4
_SOFTWARE = 0x0131
_ASCII = 2  # TIFF 6.0, section 2: the types
_NUMBERS = {1: "B", 3: "H", 4: "I"}
_INLINE = 4
_LONGEST = 256


def read_exif(block: bytes) -> tuple[int, str]:
    """The orientation (0 if there is none) and the software (maybe empty).

    Cameras and editors write broken EXIF data around sound pixels: what cannot be read counts
    as absent.

    Args:
        block: a TIFF file, with or without ``Exif`` before it.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    tags: dict[int, int | str] = {}
    if order is not None:
        with suppress(struct.error):
            _read_first_directory(block, order, tags)
    orientation, software = tags.get(_ORIENTATION), tags.get(_SOFTWARE)
    return (
        orientation if isinstance(orientation, int) else 0,
        software if isinstance(software, str) else "",
    )


def _read_first_directory(block: bytes, order: str, tags: dict[int, int | str]) -> None:
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (entries,) = struct.unpack_from(f"{order}H", block, start)
    for at in range(start + 2, start + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", block, at)
        if tag == _ORIENTATION and kind in _NUMBERS:
            (tags[tag],) = struct.unpack_from(order + _NUMBERS[kind], block, at + 8)
        elif tag == _SOFTWARE and kind == _ASCII:
            where = at + 8
            if count > _INLINE:
                (where,) = struct.unpack_from(f"{order}I", block, where)
            text = block[where : where + min(count, _LONGEST)]
            tags[tag] = text.decode("latin-1").strip("\0 ")
