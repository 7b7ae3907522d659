"""Encodes decoded pictures as JPEGs: 4:2:0, full range, BT.601, as JFIF specifies."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import simplejpeg
from av.video.reformatter import Colorspace

from seccam.errors import BadFrame

Plane = np.ndarray[Any, np.dtype[np.uint8]]


def planes(picture: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """The Y, U and V planes of a picture in any format, full range; U and V have half its width and height."""
    full = picture.reformat(format="yuvj420p", dst_colorspace=Colorspace.ITU601)
    y, u, v = (np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in full.planes)
    return np.ascontiguousarray(y), np.ascontiguousarray(u), np.ascontiguousarray(v)


def from_planes(y: Plane, u: Plane, v: Plane, quality: int) -> bytes:
    """Encode planes as returned by `planes`; quality 1 to 100."""
    return bytes(simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=quality, fastdct=True))


def from_picture(picture: av.VideoFrame, quality: int) -> bytes:
    """Encode a picture in any format; quality 1 to 100. Raises BadFrame (corrupt)."""
    try:
        return from_planes(*planes(picture), quality)
    except (ValueError, av.error.FFmpegError) as e:
        raise BadFrame("corrupt", f"a picture of {picture.width}x{picture.height} can't be encoded: {e}") from None
