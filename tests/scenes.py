"""Pictures of known content: real photos with and without a face, and scenes pasted together from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import simplejpeg
import skimage.data
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

#: Photos with exactly one face: x, y, width, height of it.
FACES = {"astronaut": (179, 58, 92, 118), "grace_hopper": (178, 115, 182, 220)}
#: Photos without a face.
FACELESS = ("coffee", "chelsea", "rocket")


@cache
def photo(name: str) -> Pixels:
    """One of the photos, RGB."""
    if name == "grace_hopper":
        data = (Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg").read_bytes()
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB"))
    return np.ascontiguousarray(getattr(skimage.data, name)()[:, :, :3])


def scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture in another size."""
    shrinks = width < pixels.shape[1]
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8)


@cache
def backdrop(name: str = "coffee", width: int = 1280, height: int = 720) -> Pixels:
    """A faceless photo as the background of a scene; not to be written to."""
    return scaled(photo(name), width, height)


@cache
def person(name: str, face_height: int) -> Pixels:
    """Head and shoulders, with a face this high."""
    x, y, w, h = FACES[name]
    source = photo(name)
    part = source[max(0, y - h // 2) : y + 2 * h, max(0, x - w) : x + 2 * w]
    return scaled(part, round(part.shape[1] * face_height / h), round(part.shape[0] * face_height / h))


def scene(*people: tuple[str, int, int, int], background: str = "coffee", width: int = 1280, height: int = 720) -> Pixels:
    """A background with people in it, each (photo, face's height, x, y of the cutting's corner)."""
    pixels = backdrop(background, width, height).copy()
    for name, face_height, x, y in people:
        cutting = person(name, face_height)[: height - y, : width - x]
        pixels[y : y + cutting.shape[0], x : x + cutting.shape[1]] = cutting
    return pixels


def noisy(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """The picture as a sensor with noise of this standard deviation (grey levels) would give it."""
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, quality: int = 80) -> bytes:
    """The picture as a JPEG file."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"))
