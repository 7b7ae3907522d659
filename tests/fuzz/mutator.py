"""Makes bad input from good: the same from the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

#: Longest input, bytes.
MOST = 64 * 1024
_NUMBERS = (b"0", b"-1", b"1e999", b"NaN", b"9007199254740991", b"10000000000000", b"18446744073709551616", b"9" * 5000)
_PIECES = (b"\0", b"\xff", b"\r\n", b"\n\n", b'"', b"\\", b"{", b"[", b",", b"=", b"%00", b"\xed\xa0\x80", b"\xff\xd8", b"\xff\xd9")


class Mutator:
    """Changes one of the `seeds` a little, or mixes two of them."""

    def __init__(self, seeds: Sequence[bytes], generator: random.Random) -> None:
        self._seeds, self._random = seeds, generator
        self._ways: tuple[Callable[[bytes, int, int], bytes], ...] = (
            lambda data, at, _: data[:at] + bytes([data[at] ^ 1 << self._random.randrange(8)]) + data[at + 1 :] if data else b"",
            lambda data, at, _: data[:at] + self._random.randbytes(self._random.randint(1, 8)) + data[at:],
            lambda data, at, end: data[:at] + data[end:],
            lambda data, at, end: data[:at] + data[at:end] * self._random.choice((2, 3, 50, 1000)) + data[end:],
            lambda data, at, _: data[:at] + self._random.choice(_PIECES) * self._random.choice((1, 2, 100)) + data[at:],
            lambda data, at, end: data[:at] + self._random.choice(_NUMBERS) + data[end:],
            lambda data, at, _: data[:at],
            lambda data, at, _: data[:at] + self._random.choice(self._seeds)[at:],
        )

    def next(self) -> bytes:
        """The next bad input."""
        data = self._random.choice(self._seeds)
        for _ in range(self._random.choice((1, 1, 2, 4, 16))):
            at = self._random.randrange(len(data)) if data else 0
            end = min(len(data), at + self._random.choice((1, 2, 4, 16, 64)))
            data = self._random.choice(self._ways)(data, at, end)[:MOST]
        return data
