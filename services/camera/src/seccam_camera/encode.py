"""From a decoded picture to a JPEG: 4:2:0, full range, BT.601, as JFIF has it."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import simplejpeg
from av.video.reformatter import Colorspace

from seccam.errors import BadFrame

Plane = np.ndarray[Any, np.dtype[np.uint8]]


def planes(picture: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Y, U and V of a picture in any format, U and V at half the width and height; full range."""
    full = picture.reformat(format="yuvj420p", dst_colorspace=Colorspace.ITU601)
    y, u, v = (np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in full.planes)
    return np.ascontiguousarray(y), np.ascontiguousarray(u), np.ascontiguousarray(v)


def from_planes(y: Plane, u: Plane, v: Plane, quality: int) -> bytes:
    """A JPEG of such planes; quality 1 to 100."""
    return bytes(simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=quality, fastdct=True))


def from_picture(picture: av.VideoFrame, quality: int) -> bytes:
    """A JPEG of a picture in any format; quality 1 to 100. Raises BadFrame (corrupt)."""
    try:
        return from_planes(*planes(picture), quality)
    except (ValueError, av.error.FFmpegError) as e:
        raise BadFrame("corrupt", f"a picture of {picture.width}x{picture.height} can't be encoded: {e}") from None
