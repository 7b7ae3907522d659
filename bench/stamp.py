"""Stamps a picture with a number and the time at which it was made.

Both are in a comment segment, which survives if the JPEG file is passed on unchanged. The number is in the pixels, too, which
survive another encoding.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from seccam import jpeg

#: Numbers wrap around here: they are drawn as eight black or white blocks.
NUMBERS = 256
_BLOCK = 32
_COMMENT = 0xFE
_PAYLOAD = struct.Struct(">4sHQ")
_MAGIC = b"born"


def draw(picture: np.ndarray[Any, Any], number: int) -> None:
    """Draw the number into the upper left corner, one block per bit."""
    for bit in range(8):
        picture[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 if number >> bit & 1 else 0


def read(grey: np.ndarray[Any, Any]) -> int:
    """The number in a grey picture of shape (height, width)."""
    middle = _BLOCK // 2
    return sum((int(grey[middle, bit * _BLOCK + middle]) > 127) << bit for bit in range(8))


def born(data: bytes, number: int, at_ns: int) -> bytes:
    """The JPEG with a comment of its number and the time at which it was made (CLOCK_MONOTONIC, ns)."""
    payload = _PAYLOAD.pack(_MAGIC, number, at_ns)
    return b"".join((data[:2], b"\xff", bytes((_COMMENT,)), (len(payload) + 2).to_bytes(2, "big"), payload, data[2:]))


def birth(data: bytes) -> tuple[int, int]:
    """The number and the time in the comment; raises ValueError if there is none."""
    for segment in jpeg.segments(data):
        payload = data[segment.start + 4 : segment.end]
        if segment.marker == _COMMENT and payload.startswith(_MAGIC):
            _, number, at_ns = _PAYLOAD.unpack(payload)
            return number, at_ns
    raise ValueError("the picture has no comment with its time")
