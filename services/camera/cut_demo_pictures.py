"""Cuts the demo's pictures out of photos that come with scikit-image and matplotlib.

`make setup` and the image's build run it. The pictures are not committed, and using them needs neither library. The photos are
free to use: NASA's (astronaut) and the US Navy's (Grace Hopper) are in the public domain, SpaceX's (rocket) was released into
it, Stefan van der Walt's (chelsea) and Rachel Michetti's (coffee) are CC0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import skimage.data
import skimage.draw
import skimage.filters
import skimage.io
import skimage.transform

FOLDER = Path(__file__).parent / "src" / "seccam_camera" / "pictures"
#: The size of the scene, pixels.
WIDTH, HEIGHT = 1280, 720

# Hand-drawn outlines of the two people, as x, y in the photo's pixels.
_ASTRONAUT = """155,95 163,52 198,20 245,16 284,44 301,90 290,132 262,166 262,188 304,234 337,262 358,305 367,345 400,345 468,368
    503,428 511,490 511,511 22,511 25,400 40,310 76,242 113,216 116,184 150,152 182,150 180,122"""
_HOPPER = """150,112 176,88 176,62 214,32 264,24 314,38 350,66 354,88 370,94 370,168 376,186 371,225 352,268 354,296 334,312 336,324
    370,346 440,376 488,402 504,440 511,500 511,599 16,599 26,480 40,402 62,376 150,346 202,316 192,292 168,270 160,205 152,170"""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def cut_out(photo: Pixels, outline: str) -> Pixels:
    """The photo as RGBA: opaque inside the outline, with a soft edge, and transparent outside."""
    points = np.array([[int(n) for n in point.split(",")] for point in outline.split()])
    inside = skimage.draw.polygon2mask(photo.shape[:2], points[:, ::-1]).astype(float)
    alpha = skimage.filters.gaussian(inside, 1.5, mode="nearest")
    cut: Pixels = np.dstack([photo, (alpha * 255).astype(np.uint8)])
    return cut


def room(*pictures: Pixels) -> Pixels:
    """An empty room with framed pictures on its wall: WIDTH x HEIGHT, RGB."""
    shade = np.linspace(1.0, 0.88, HEIGHT)[:, None, None] * np.linspace(0.95, 1.0, WIDTH)[None, :, None]
    scene = shade * np.array([206, 200, 186])
    scene[620:] = shade[620:] * np.array([146, 112, 82])  # floor
    scene[606:620] = shade[606:620] * np.array([238, 236, 230])  # skirting board
    gap = WIDTH // len(pictures)
    for n, picture in enumerate(pictures):
        hung = skimage.transform.resize(picture, (170, 255), anti_aliasing=True) * 255
        top, left = 96, n * gap + (gap - 255) // 2
        scene[top - 14 : top + 184, left - 14 : left + 269] = (72, 56, 44)  # frame
        scene[top : top + 170, left : left + 255] = hung
    painted: Pixels = scene.astype(np.uint8)
    return painted


def main() -> None:
    """Write the three pictures."""
    FOLDER.mkdir(exist_ok=True)
    hopper = skimage.io.imread(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    skimage.io.imsave(FOLDER / "astronaut.png", cut_out(skimage.data.astronaut(), _ASTRONAUT), check_contrast=False)
    skimage.io.imsave(FOLDER / "hopper.png", cut_out(hopper, _HOPPER), check_contrast=False)
    skimage.io.imsave(
        FOLDER / "room.png", room(skimage.data.coffee(), skimage.data.rocket(), skimage.data.chelsea()), check_contrast=False
    )
    print(f"demo pictures are in {FOLDER}")


if __name__ == "__main__":
    main()
