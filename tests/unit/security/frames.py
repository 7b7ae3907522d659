"""Frames of test pictures."""

from __future__ import annotations

from seccam import jpeg as markers
from seccam.frame import Frame
from tests.scenes import Pixels, jpeg

#: Widths and heights of pictures: in whole cells of the motion proxy, and with up to seven pixels beyond the last.
SIZES = ((1280, 720), (854, 480), (800, 450), (1366, 768), (480, 270), (641, 361), (1281, 721))


def frame(picture: Pixels | bytes, seq: int = 0, camera: str = "front") -> Frame:
    """The frame that a picture, or a JPEG file, comes in."""
    body = picture if isinstance(picture, bytes) else jpeg(picture)
    width, height = markers.parse(body).size
    return Frame(camera, "0ddba11", seq, body, width, height, None)
