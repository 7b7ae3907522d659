"""From a frame's bytes to pixels: the one place where what a stranger sent is decoded.

The outside was judged when the frame came in (`seccam.jpeg.parse`: whole, at most 2 MB and 4096 pixels a side, no bomb of
scans), so what is left to fear is a file that breaks off or lies in the middle.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from seccam.errors import BadFrame
from seccam.frame import Frame
from seccam.message import Box

# a worker is one core's work; more of it comes with more workers
cv2.setNumThreads(1)

Pixels = NDArray[np.uint8]

#: Pixels of the picture in one cell of its grey miniature, along each side: the least that the DCT allows.
CELL = 8


class Picture:
    """The pixels of one frame, decoded no larger than they are asked for."""

    def __init__(self, frame: Frame) -> None:
        self._jpeg = frame.jpeg
        self.width, self.height = frame.width, frame.height
        # whole ones alone, which both ways to a miniature make of the same pixels. Up to seven pixels beyond the last are in
        # none: too few for a face, and looked at with what moves beside them, and with the whole
        self._cells = (max(1, self.width // CELL), max(1, self.height // CELL))

    @property
    def box(self) -> Box:
        """The whole picture."""
        return 0, 0, self.width, self.height

    def miniature(self) -> Pixels:
        """The picture in grey at one pixel a cell, shape (height, width); raises BadFrame (corrupt).

        All of the file is read for it, so that damage anywhere shows here.
        """
        across, down = self._cells
        return self._decode("GRAY", across, down)[:down, :across, 0]

    def colour(self, scale: float) -> Pixels:
        """The picture in RGB, shape (height, width, 3), at `scale` (0 to 1) or a little larger; raises BadFrame (corrupt)."""
        scale = min(1.0, scale)
        return self._decode("RGB", int(self.width * scale), int(self.height * scale))

    def shrunk(self, pixels: Pixels) -> Pixels:
        """The miniature, made of the picture's colours: the same within a grey level, and cheaper where those are there."""
        across, down = self._cells
        side = CELL * max(pixels.shape[:2]) // max(self.width, self.height)  # a cell's, in these pixels
        grey = cv2.cvtColor(pixels[: down * side, : across * side], cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.resize(grey, self._cells, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _decode(self, colours: str, width: int, height: int) -> Pixels:
        """At the smallest of the DCT's scales (eighths) that is not below this size; strict: a warning is an error."""
        try:
            pixels: Pixels = simplejpeg.decode_jpeg(
                self._jpeg, colorspace=colours, min_width=max(1, width), min_height=max(1, height), min_factor=1, strict=True
            )
        except ValueError as e:
            raise BadFrame("corrupt", f"the decoder says: {e}") from None
        return pixels


def cut(pixels: Pixels, picture: Box, box: Box, scale: float) -> Pixels:
    """What a box of the picture shows, at `scale`; `pixels` are the whole picture at any scale."""
    # each side has a ratio of its own: of a picture a few pixels high, the decoder's rounding up is much
    across, down = pixels.shape[1] / picture[2], pixels.shape[0] / picture[3]
    x, y, w, h = round(box[0] * across), round(box[1] * down), round(box[2] * across), round(box[3] * down)
    part = pixels[y : y + h, x : x + w]
    size = (max(1, round(box[2] * scale)), max(1, round(box[3] * scale)))
    if (part.shape[1], part.shape[0]) == size:
        return np.ascontiguousarray(part)
    shrinks = size[0] < part.shape[1]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), dtype=np.uint8)
