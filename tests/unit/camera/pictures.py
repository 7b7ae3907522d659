"""JPEGs for the tests of the camera."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from seccam import jpeg
from tests.scenes import scaled, scene

_TABLES = 0xC4


def pixels(width: int = 320, height: int = 180) -> NDArray[np.uint8]:
    """A photo, RGB."""
    return scaled(scene(("astronaut", 200, 500, 200)), width, height)


def picture(width: int = 320, height: int = 180, quality: int = 80) -> bytes:
    """The photo as a JPEG."""
    return bytes(simplejpeg.encode_jpeg(pixels(width, height), quality=quality, colorspace="RGB", colorsubsampling="420"))


def without_tables(data: bytes) -> bytes:
    """The JPEG as many webcams send it: without its Huffman tables."""
    kept, at = [], 0
    for segment in jpeg.segments(data):
        if segment.marker == _TABLES:
            kept.append(data[at : segment.start])
            at = segment.end
    return b"".join([*kept, data[at:]])
