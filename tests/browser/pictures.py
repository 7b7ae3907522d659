"""Pictures that carry a number in their pixels, and the JavaScript that reads it from the page's canvas."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from tests import scenes

#: The number is drawn as so many blocks, the least significant first, on a band along the top.
BITS, BLOCK = 20, 16

#: The number in a canvas: -1 if the canvas is black where the band's mark should be.
READ_NUMBER = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, Math.min(canvas.width, 400), 16).data;
  const width = Math.min(canvas.width, 400);
  const bright = block => pixels[(8 * width + block * 16 + 8) * 4] > 128;
  if (width < 336 || !bright(0)) return -1;
  let number = 0;
  for (let bit = 0; bit < 20; bit += 1) if (bright(bit + 1)) number += 2 ** bit;
  return number;
}"""

#: The largest value of any colour in a canvas: 0 if it is all black.
BRIGHTEST = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let most = 0;
  for (let i = 0; i < pixels.length; i += 4) most = Math.max(most, pixels[i], pixels[i + 1], pixels[i + 2]);
  return most;
}"""


@cache
def scene(width: int = 640, height: int = 360) -> scenes.Pixels:
    """A room with one face in it; not to be written to."""
    return scenes.scaled(scenes.scene(("astronaut", 200, 480, 100)), width, height)


#: The face of `scene()`, as x, y, width, height in a picture of 1280 x 720.
FACE = (636, 200, 156, 200)


def face_box(width: int, height: int) -> tuple[int, int, int, int]:
    """The face of `scene(width, height)`."""
    x, y, w, h = FACE
    return round(x * width / 1280), round(y * height / 720), round(w * width / 1280), round(h * height / 720)


def numbered(number: int, width: int = 640, height: int = 360, *, shown: bool = True, quality: int = 80) -> bytes:
    """A JPEG of the scene with this number in it; `shown`: a little mark moves as well, for people who look."""
    pixels = scene(width, height).copy()
    pixels[:BLOCK, : (BITS + 1) * BLOCK] = 0
    pixels[:BLOCK, :BLOCK] = 255
    for bit in range(BITS):
        if number >> bit & 1:
            pixels[:BLOCK, (bit + 1) * BLOCK : (bit + 2) * BLOCK] = 255
    if shown:
        cv2.circle(pixels, (20 + number * 7 % (width - 40), height - 16), 8, (255, 214, 10), -1)
    return scenes.jpeg(pixels, quality)


def flat(grey: int, width: int, height: int) -> bytes:
    """A JPEG of one grey."""
    return scenes.jpeg(np.full((height, width, 3), grey, np.uint8))


@cache
def snapshot() -> bytes:
    """A small annotated picture, as a worker puts it into an event."""
    pixels = scene(320, 180).copy()
    x, y, w, h = face_box(320, 180)
    cv2.rectangle(pixels, (x, y), (x + w, y + h), (255, 214, 10), 2)
    return scenes.jpeg(pixels)
