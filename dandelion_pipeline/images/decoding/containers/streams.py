"""The sizes that HEVC (ITU-T H.265) and AV1 streams name, without decoding them."""

import struct
from collections.abc import Iterator

from dandelion_pipeline.images.decoding.containers.sanitized import (
    ENDS_EARLY,
    MAX_PARTS,
    broken,
    too_complex,
)

_SEQUENCE = 1  # AV1, 6.2.2: a sequence header
_PARAMETERS = range(32, 35)  # H.265, table 7-1: video, sequence and picture parameter sets
_SEQUENCE_PARAMETERS = 33
_LONGEST_HEADER = 64


class _Bits:
    """A stream of bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise broken(ENDS_EARLY)
        return self._bits >> self._left & (1 << count) - 1

    def exp_golomb(self) -> int:
        """H.265, 9.2."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def sizes_in_hvcc(body: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of each sequence that a decoder configuration (14496-15, 8.3.3) names."""
    at = 23
    for _ in range(body[22]):
        kind = body[at] & 63
        (units,) = struct.unpack_from(">H", body, at + 1)
        at += 3
        for _ in range(units):
            (length,) = struct.unpack_from(">H", body, at)
            if at + 2 + length > len(body):
                raise broken(ENDS_EARLY)
            unit = body[at + 2 : at + 2 + length]
            if kind == _SEQUENCE_PARAMETERS or _unit_type(unit) == _SEQUENCE_PARAMETERS:
                yield _size_of_sequence(unit)
            at += 2 + length


def check_hevc(content: bytes) -> None:
    """Refuse coded pictures that bring parameters of their own (14496-15: not in ``hvc1``).

    Raises:
        ImageRefused: with the reason ``broken`` or ``too_complex``.
    """
    at = 0
    for _ in range(MAX_PARTS):
        if at >= len(content):
            return
        (length,) = struct.unpack_from(">I", content, at)
        if at + 4 + length > len(content) or not length:
            raise broken(ENDS_EARLY)
        if content[at + 4] >> 1 & 63 in _PARAMETERS:
            raise broken("its stream changes its own size")
        at += 4 + length
    raise too_complex(f"its stream has more than {MAX_PARTS} units")


def sizes_in_av1(content: bytes) -> Iterator[tuple[int, int]]:
    """The largest width and height of frames, of each sequence header (AV1, 5.5.1)."""
    at = 0
    for _ in range(MAX_PARTS):
        if at >= len(content):
            return
        head = content[at]
        at += 2 if head & 4 else 1
        length = len(content) - at
        if head & 2:
            length, at = _leb128(content, at)
        if at + length > len(content):
            raise broken(ENDS_EARLY)
        if head >> 3 & 15 == _SEQUENCE:
            yield _size_of_av1(_Bits(content[at : at + min(length, 4 * _LONGEST_HEADER)]))
        at += length
    raise too_complex(f"its stream has more than {MAX_PARTS} units")


def _unit_type(unit: bytes) -> int:
    return unit[0] >> 1 & 63 if unit else 0


def _size_of_sequence(unit: bytes) -> tuple[int, int]:
    """H.265, 7.3.2.2: as far as the size."""
    plain = unit[2:].replace(b"\0\0\3", b"\0\0")[: 4 * _LONGEST_HEADER]
    bits = _Bits(plain)
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    bits.take(88)  # profile, flags
    bits.take(8)  # level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:  # noqa: PLR2004  4:4:4
        bits.take(1)
    return bits.exp_golomb(), bits.exp_golomb()


def _size_of_av1(bits: _Bits) -> tuple[int, int]:
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    has_model = False
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(min(zeros, 32) if zeros < 32 else 0)  # noqa: PLR2004
        has_model = bool(bits.take(1))
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # noqa: PLR2004  levels with a tier
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.take(1):
            bits.take(4)


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    """A number of AV1 (4.10.5), and where it ends."""
    value = 0
    for place in range(8):
        byte = content[at + place]
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, at + place + 1
    raise broken("its stream makes no sense")
