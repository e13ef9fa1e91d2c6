"""Files made to hurt a decoder."""

import struct
import zlib
from collections.abc import Sequence

from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline_tests.images.encoded import png, png_chunk

MOST = MAX_BYTES - 100_000
"""Bytes: close to the limit."""


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(
    size: tuple[int, int], scans: Sequence[bytes], before: bytes = b"", components: int = 1
) -> bytes:
    """A progressive JPEG with the simplest of tables.

    The one DC code (bit 0) says "no change", and the one AC code (bit 0) "32,767 empty blocks"
    with fourteen bits of ones after it.
    """
    width, height = size
    frame = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    parts = [
        b"\xff\xd8",
        before,
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(0xC2, struct.pack(">BHHB", 8, height, width, components) + frame),
        segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00"),
        segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"),
        *scans,
        b"\xff\xd9",
    ]
    return b"".join(parts)


def first_scan(size: tuple[int, int]) -> bytes:
    """The DC coefficients of the first component: grey."""
    bits = _blocks(size)
    return segment(0xDA, bytes([1, 1, 0, 0, 0, 1])) + bytes(-(-bits // 8))


def refinement_scan(size: tuple[int, int]) -> bytes:
    """A scan that changes nothing, and has the decoder look at every coefficient."""
    runs = -(-_blocks(size) // 32_767)
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + body


def _blocks(size: tuple[int, int]) -> int:
    return -(-size[0] // 8) * -(-size[1] // 8)


def png_of_chunks(*chunks: tuple[bytes, bytes], count: int) -> bytes:
    """A PNG of one pixel, with the same chunks over and over before its pixel."""
    sound = png(1, 1, (b"IDAT", zlib.compress(b"\0" * 4)))
    repeated = b"".join(png_chunk(*chunk) for chunk in chunks) * count
    return sound[:33] + repeated + sound[33:]


class Bits:
    """A stream of bits, the lowest first, as lossless WebP wants them."""

    def __init__(self) -> None:
        self._bits, self._length, self._done = 0, 0, bytearray()

    def put(self, value: int, length: int) -> None:
        """Append a number."""
        self._bits |= value << self._length
        self._length += length
        while self._length >= 8:
            self._done.append(self._bits & 255)
            self._bits >>= 8
            self._length -= 8

    def one_symbol(self) -> None:
        """A prefix code whose only symbol is 0."""
        self.put(0b0001, 4)

    def bytes_as_they_are(self, symbols: int) -> None:
        """A prefix code of 256 symbols of eight bits each, among so many symbols."""
        self.put(0, 1)
        self.put(12 - 4, 4)  # twelve lengths of the code for lengths, in RFC 9649's order:
        for length in (0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1):  # of 0 and of 8, one bit each
            self.put(length, 3)
        self.put(0, 1)
        for symbol in range(symbols):
            self.put(int(symbol < 256), 1)

    def __bytes__(self) -> bytes:
        return bytes(self._done) + bytes([self._bits & 255])


def lossless_webp(size: tuple[int, int], body: bytes) -> bytes:
    """A WebP file around a lossless stream that begins with its transforms."""
    header = Bits()
    for value, length in ((0x2F, 8), (size[0] - 1, 14), (size[1] - 1, 14), (0, 4)):
        header.put(value, length)
    stream = bytes(header)[:5] + body
    stream += bytes(len(stream) % 2)
    chunk = b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream
    return b"RIFF" + struct.pack("<I", len(chunk)) + chunk


def many_groups(groups: int) -> Bits:
    """A lossless stream of 1024 x 1024 black pixels, in so many groups of codes."""
    bits = Bits()
    for value, length in ((0, 1), (0, 1), (1, 1), (0, 3), (0, 1)):
        bits.put(value, length)  # no transform, no cache; groups of 4 x 4 pixels; no cache
    bits.bytes_as_they_are(280)
    bits.bytes_as_they_are(256)
    for _ in range(3):
        bits.one_symbol()
    for number in range(256 * 256):
        green, red = number % groups & 255, number % groups >> 8
        bits.put(int(f"{green:08b}"[::-1], 2), 8)
        bits.put(int(f"{red:08b}"[::-1], 2), 8)
    for _ in range(groups * 5):
        bits.one_symbol()
    return bits


def bmp(size: tuple[int, int], compression: int, body: bytes, depth: int = 8) -> bytes:
    """A bitmap with a palette, whatever its data hold."""
    palette = bytes(range(256)) * 4 if depth == 8 else bytes(range(64))
    start = 54 + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", 40, *size, 1, depth, compression, len(body), 0, 0, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body


def gif(
    blocks: bytes, canvas: tuple[int, int] = (2, 1), frame: Sequence[int] = (0, 0, 2, 1)
) -> bytes:
    """A GIF with blocks before its frame of one red and one green pixel."""
    table = bytes([255, 0, 0, 0, 255, 0])
    picture = b"," + struct.pack("<4H", *frame) + b"\0\2\2\x44\x0a\0"
    return b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + table + blocks + picture + b";"
