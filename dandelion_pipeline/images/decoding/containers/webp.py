"""WebP files (RFC 9649): the picture, or the first frame of an animation."""

import struct
from collections.abc import Iterator

from dandelion_pipeline.images.decoding.containers.lossless import check_tables
from dandelion_pipeline.images.decoding.containers.sanitized import (
    ENDS_EARLY,
    MAX_PARTS,
    Sanitized,
    broken,
    check_size,
    too_complex,
)

_LOSSY, _LOSSLESS, _EXTENDED = b"VP8 ", b"VP8L", b"VP8X"
_ALPHA = 0x10  # RFC 9649, section 2.7: the flags that stay
_ANIMATION = 0x02
_FRAME_HEADER = 16
_LOSSLESS_HEADER = 5


def is_webp(data: bytes) -> bool:
    """Whether this is a WebP file."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def sanitized(data: bytes) -> Sanitized:
    """The chunks of the first picture.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise broken(ENDS_EARLY)
    everything = _chunks(data, 12, length + 8)
    kind, extended = next(everything, (b"", b""))
    if kind != _EXTENDED:
        return _simple({kind: extended})
    chunks: dict[bytes, bytes] = {}
    for kind, body in everything:
        chunks.setdefault(kind, body)
    width, height = (1 + _int24(extended, at) for at in (4, 7))
    check_size(width, height)
    animated = extended[0] & _ANIMATION
    names = (b"ANIM", b"ANMF") if animated else (b"ALPH", _LOSSY, _LOSSLESS)
    parts = {name: chunks[name] for name in names if name in chunks}
    if animated and b"ANMF" in parts:
        _check_frame(parts[b"ANMF"])
    elif not animated:
        _check_lossless(parts, width, height)
    flags = _ANIMATION | _ALPHA if animated else extended[0] & _ALPHA  # around a frame: nothing
    alone = _riff({_EXTENDED: bytes([flags]) + extended[1:], **parts})
    return Sanitized(alone, width, height, chunks.get(b"EXIF", b""))


def _simple(chunks: dict[bytes, bytes]) -> Sanitized:
    """A file whose one chunk is the picture."""
    if _LOSSY in chunks:
        width, height = (n & 0x3FFF for n in struct.unpack_from("<HH", chunks[_LOSSY], 6))
    elif _LOSSLESS in chunks:
        width, height = _lossless_size(chunks[_LOSSLESS])
    else:
        raise broken("it holds no picture")
    check_size(width, height)
    _check_lossless(chunks, width, height)
    return Sanitized(_riff(chunks), width, height)


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise broken(ENDS_EARLY)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise too_complex(f"it has more than {MAX_PARTS} chunks")


def _riff(chunks: dict[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(part)) + part + bytes(len(part) % 2)
        for kind, part in chunks.items()
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _check_frame(frame: bytes) -> None:
    """The first frame of an animation, with its own size and chunks."""
    width, height = (1 + _int24(frame, at) for at in (6, 9))
    check_size(width, height)
    parts: dict[bytes, bytes] = {}
    for kind, body in _chunks(frame, _FRAME_HEADER, len(frame)):
        parts.setdefault(kind, body)
    _check_lossless(parts, width, height)


def _check_lossless(parts: dict[bytes, bytes], width: int, height: int) -> None:
    """Refuse what libwebp would take too much memory for: a picture, or its transparency."""
    if _LOSSLESS in parts:
        size = _lossless_size(parts[_LOSSLESS])
        check_size(*size)
        check_tables(parts[_LOSSLESS], _LOSSLESS_HEADER, *size)
    if b"ALPH" in parts and parts[b"ALPH"][0] & 3 == 1:  # compressed
        check_tables(parts[b"ALPH"], 1, width, height)


def _lossless_size(body: bytes) -> tuple[int, int]:
    (bits,) = struct.unpack_from("<I", body, 1)
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _int24(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low | high << 16)
