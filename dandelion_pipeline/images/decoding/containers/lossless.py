"""How much memory a lossless WebP stream (RFC 9649, section 3) asks of libwebp.

libwebp makes up to 20 kB of tables for each group of prefix codes. A stream of a few hundred
kilobytes can name 65,536 groups: 1.3 GB. Their number is only found behind the small pictures
that steer the transforms, so these are gone through here, without making pixels of them.
"""

from dandelion_pipeline.images.decoding.containers.sanitized import ENDS_EARLY, broken, too_complex

MAX_GROUPS = 4096
"""80 MB of tables. libwebp's own encoder writes 2,600 at most."""

MAX_STEPS = 300_000
"""Pixels of small pictures, mostly. At 25 megapixels, libwebp's encoder writes up to 200,000."""

_COLOR_INDEXING, _SUBTRACT_GREEN = 3, 2
_LITERALS, _LENGTHS = 256, 24
_CODES = (_LITERALS + _LENGTHS, 256, 256, 256, 40)  # green and lengths, red, blue, alpha, distance
_LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_REPEATS = {16: (3, 2), 17: (3, 3), 18: (11, 7)}  # the least, and the bits that say how many more
_LONGEST_CACHE = 11

_Table = list[tuple[int, int]]
"""Symbol and length in bits, by the bits that come next."""


def check_tables(data: bytes, start: int, width: int, height: int) -> None:
    """Refuse a stream with too many groups of prefix codes.

    Args:
        data: holds the stream.
        start: the byte at which the transforms begin.
        width: of the picture, in pixels.
        height: likewise.

    Raises:
        ImageRefused: with the reason ``broken`` or ``too_complex``.
    """
    stream = _Stream(data, start)
    seen = set()
    while stream.take(1):
        transform = stream.take(2)
        if transform in seen:
            raise broken("a transform comes twice")
        seen.add(transform)
        if transform == _COLOR_INDEXING:
            colors = stream.take(8) + 1
            stream.walk(colors, 1)
            width = _blocks(width, _packing(colors))
        elif transform != _SUBTRACT_GREEN:
            stream.walk_blocks(width, height)
    stream.cache()
    if stream.take(1) and stream.walk_blocks(width, height) >= MAX_GROUPS:
        raise too_complex(f"it has more than {MAX_GROUPS} groups of codes")


def _blocks(length: int, bits: int) -> int:
    return -(-length >> bits)


def _packing(colors: int) -> int:
    """How often the width halves, because several indices share a pixel."""
    return next((bits for most, bits in ((2, 3), (4, 2), (16, 1)) if colors <= most), 0)


class _Stream:
    """Bits, the lowest first."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data, self._at = data, start * 8
        self._steps = 0

    def take(self, bits: int) -> int:
        """A number of up to 25 bits."""
        value = self._ahead() & (1 << bits) - 1
        self._at += bits
        return value

    def cache(self) -> int:
        """Colours in the colour cache."""
        if not self.take(1):
            return 0
        bits = self.take(4)
        if not 1 <= bits <= _LONGEST_CACHE:
            raise broken("its colour cache makes no sense")
        return 1 << bits

    def walk_blocks(self, width: int, height: int) -> int:
        """Go through a picture with one pixel for each block of another one."""
        bits = self.take(3) + 2
        return self.walk(_blocks(width, bits), _blocks(height, bits))

    def walk(self, width: int, height: int) -> int:
        """Go through a small picture.

        Returns:
            The highest number that red and green make: the number of a group.
        """
        cached = self.cache()
        green, red, blue, alpha, distance = (
            self._code(symbols + (cached if at == 0 else 0)) for at, symbols in enumerate(_CODES)
        )
        if all(len(table) == 1 for table in (green, red, blue, alpha)):
            return red[0][0] << 8 | green[0][0]  # every pixel is the same, and takes no bits
        left, highest = width * height, 0
        while left > 0:
            self._step()
            symbol = self._symbol(green)
            if symbol < _LITERALS:
                highest = max(highest, self._symbol(red) << 8 | symbol)
                self._symbol(blue)
                self._symbol(alpha)
                left -= 1
            elif symbol < _LITERALS + _LENGTHS:
                left -= self._extended(symbol - _LITERALS)
                self._extended(self._symbol(distance))
            else:
                left -= 1
        if self._at > 8 * len(self._data):
            raise broken(ENDS_EARLY)
        return highest

    def _ahead(self) -> int:
        byte = self._at >> 3
        return int.from_bytes(self._data[byte : byte + 4], "little") >> (self._at & 7)

    def _symbol(self, table: _Table) -> int:
        symbol, length = table[self._ahead() & len(table) - 1]
        self._at += length
        return symbol

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise too_complex(f"it has more than {MAX_STEPS} steps before its pixels")

    def _extended(self, symbol: int) -> int:
        """A length or a distance."""
        if symbol < 4:  # noqa: PLR2004 (RFC 9649, section 5.2.2)
            return symbol + 1
        extra = symbol - 2 >> 1
        return (2 + (symbol & 1) << extra) + self.take(extra) + 1

    def _code(self, symbols: int) -> _Table:
        if not self.take(1):
            return _table(self._lengths(symbols))
        two = self.take(1)
        chosen = [self.take(8 if self.take(1) else 1)]
        chosen += [self.take(8)] if two else []
        return _table([int(symbol in chosen) for symbol in range(max(chosen) + 1)])

    def _lengths(self, symbols: int) -> list[int]:
        """The lengths of a code's symbols, which are coded themselves."""
        of_lengths = [0] * len(_LENGTH_ORDER)
        for symbol in _LENGTH_ORDER[: self.take(4) + 4]:
            of_lengths[symbol] = self.take(3)
        table = _table(of_lengths)
        coded = 2 + self.take(2 + 2 * self.take(3)) if self.take(1) else symbols
        lengths: list[int] = []
        previous = 8
        while len(lengths) < symbols and coded > 0:
            coded -= 1
            self._step()
            symbol = self._symbol(table)
            if symbol not in _REPEATS:
                lengths.append(symbol)
                previous = symbol or previous
                continue
            least, bits = _REPEATS[symbol]
            repeated = previous if symbol == 16 else 0  # noqa: PLR2004 (RFC 9649, section 6.2.1)
            lengths += [repeated] * (least + self.take(bits))
        if len(lengths) > symbols:
            raise broken("a code has too many symbols")
        return lengths


def _table(lengths: list[int]) -> _Table:
    """What the next bits mean, by a canonical prefix code."""
    used = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if len(used) == 1:
        return [(used[0][1], 0)]
    longest = used[-1][0] if used else 0
    if sum(1 << longest - length for length, _ in used) != 1 << longest:
        raise broken("a code in it is not complete")
    table: _Table = [(0, 0)] * (1 << longest)
    code = 0
    for length, symbol in used:
        ahead = int(f"{code >> longest - length:0{length}b}"[::-1], 2)
        table[ahead :: 1 << length] = [(symbol, length)] * (1 << longest - length)
        code += 1 << longest - length
    return table
