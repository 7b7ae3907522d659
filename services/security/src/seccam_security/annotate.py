"""The picture in an event: the frame with boxes around its faces."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import simplejpeg

from seccam.message import MAX_SNAPSHOT, Box
from seccam_security.decode import Pixels

#: Shares of the width, and JPEG qualities, tried in this order until the picture is small enough.
_TRIES = ((1.0, 65), (1.0, 40), (0.75, 50), (0.5, 50), (0.25, 50), (0.125, 25))
#: Yellow on black, as on the page: one of them is visible on any picture.
_YELLOW, _BLACK = (255, 214, 10), (0, 0, 0)


def annotated(pixels: Pixels, picture: Box, boxes: Iterable[Box], width: int) -> bytes:
    """A JPEG of at most MAX_SNAPSHOT bytes, and `width` pixels at its longer side if these take no more.

    `pixels` are the whole picture in RGB at any scale, `boxes` in its pixels.
    """
    boxes = list(boxes)
    encoded = b""
    for share, quality in _TRIES:
        encoded = _encoded(pixels, picture, boxes, round(width * share), quality)
        if len(encoded) <= MAX_SNAPSHOT:
            return encoded
    raise AssertionError(f"{len(encoded)} bytes at {_TRIES[-1]} of {width}")  # 240 pixels of noise take 20 kB


def _encoded(pixels: Pixels, picture: Box, boxes: list[Box], width: int, quality: int) -> bytes:
    scale = min(1.0, width / max(picture[2], picture[3]))
    size = max(1, round(picture[2] * scale)), max(1, round(picture[3] * scale))
    drawn = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    thin = max(2, round(width / 320))
    for colour, thickness in ((_BLACK, 2 * thin), (_YELLOW, thin)):
        for x, y, w, h in boxes:
            corners = (round(x * scale), round(y * scale)), (round((x + w) * scale), round((y + h) * scale))
            cv2.rectangle(drawn, *corners, colour, thickness)
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(drawn), quality=quality, colorspace="RGB", colorsubsampling="420"))
