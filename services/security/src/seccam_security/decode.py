"""From a frame's bytes to pixels: the only place where untrusted pictures are decoded.

`seccam.jpeg` has checked the header already (size, dimensions, number of scans). What remains is a file that is cut off or
corrupt in the middle.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from seccam.errors import BadFrame
from seccam.frame import Frame
from seccam.message import Box

# one worker uses one core; scale by adding workers
cv2.setNumThreads(1)

Pixels = NDArray[np.uint8]

#: Side of a cell in pixels: one pixel of the grey miniature, the smallest scale of the DCT.
CELL = 8


class Picture:
    """The pixels of one frame, decoded no larger than requested."""

    def __init__(self, frame: Frame) -> None:
        self._jpeg = frame.jpeg
        self.width, self.height = frame.width, frame.height
        # only complete cells, so that both ways to a miniature use the same pixels; up to seven pixels at the edges are in
        # none, too few for a face, and full scans cover them
        self._cells = (max(1, self.width // CELL), max(1, self.height // CELL))

    @property
    def box(self) -> Box:
        """The whole picture."""
        return 0, 0, self.width, self.height

    def miniature(self) -> Pixels:
        """The picture in grey with one pixel per cell, shape (height, width). Raises BadFrame (corrupt).

        This reads the whole file, so damage anywhere shows here.
        """
        across, down = self._cells
        return self._decode("GRAY", across, down)[:down, :across, 0]

    def colour(self, scale: float) -> Pixels:
        """The picture in RGB, shape (height, width, 3), at `scale` (0 to 1) or slightly larger. Raises BadFrame (corrupt)."""
        scale = min(1.0, scale)
        return self._decode("RGB", int(self.width * scale), int(self.height * scale))

    def shrunk(self, pixels: Pixels) -> Pixels:
        """The miniature computed from decoded colours: equal within one grey level, and cheaper if they exist already."""
        across, down = self._cells
        side = CELL * max(pixels.shape[:2]) // max(self.width, self.height)  # of a cell, in these pixels
        grey = cv2.cvtColor(pixels[: down * side, : across * side], cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.resize(grey, self._cells, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _decode(self, colours: str, width: int, height: int) -> Pixels:
        """Decode at the smallest DCT scale (eighths) that reaches this size; warnings are errors."""
        try:
            pixels: Pixels = simplejpeg.decode_jpeg(
                self._jpeg, colorspace=colours, min_width=max(1, width), min_height=max(1, height), min_factor=1, strict=True
            )
        except ValueError as e:
            raise BadFrame("corrupt", f"decoder: {e}") from None
        return pixels


def cut(pixels: Pixels, picture: Box, box: Box, scale: float) -> Pixels:
    """The part of the picture in `box`, at `scale`; `pixels` are the whole picture at any scale."""
    # the decoder rounds each side up, which matters for pictures of few pixels
    across, down = pixels.shape[1] / picture[2], pixels.shape[0] / picture[3]
    x, y, w, h = round(box[0] * across), round(box[1] * down), round(box[2] * across), round(box[3] * down)
    part = pixels[y : y + h, x : x + w]
    size = (max(1, round(box[2] * scale)), max(1, round(box[3] * scale)))
    if (part.shape[1], part.shape[0]) == size:
        return np.ascontiguousarray(part)
    shrinks = size[0] < part.shape[1]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), dtype=np.uint8)
