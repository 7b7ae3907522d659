"""A warm-up with built-in pictures: a detector's first run is slow, and a broken detector shows before frames arrive."""

from __future__ import annotations

import time

import numpy as np
import simplejpeg

from seccam.frame import Frame
from seccam_security.analysis import Analyst, Memory

_WIDTH, _HEIGHT = 1280, 720


def warm_up(analyst: Analyst) -> float:
    """Analyse two built-in pictures, one by a full scan and one by region; the seconds that this took."""
    began = time.monotonic()
    memory = Memory()
    for seq in range(2):
        analyst.analyse(_frame(seq), memory, began)
    return time.monotonic() - began


def _frame(seq: int) -> Frame:
    """A grey gradient with a bright square, which moves from one picture to the next."""
    slope = np.linspace(40, 200, _WIDTH, dtype=np.uint8)
    pixels = np.repeat(np.tile(slope, (_HEIGHT, 1))[:, :, None], 3, axis=2)
    pixels[300:360, 300 + 200 * seq : 360 + 200 * seq] = 255
    jpeg = bytes(simplejpeg.encode_jpeg(pixels, quality=80, colorspace="RGB"))
    return Frame("warm-up", "builtin", seq, jpeg, _WIDTH, _HEIGHT, None)
