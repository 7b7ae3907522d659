"""Encoding decoded pictures as JPEGs."""

from __future__ import annotations

import av
import numpy as np
import pytest
import simplejpeg

from seccam import jpeg
from seccam_camera import encode
from tests.unit.camera.pictures import pixels


@pytest.mark.parametrize("form", ["rgb24", "yuv420p", "yuvj420p", "yuyv422", "nv12", "yuv422p", "gray"])
def test_every_format_keeps_colours_and_brightness(form: str) -> None:
    original = pixels()
    picture = av.VideoFrame.from_ndarray(original, format="rgb24").reformat(format=form)

    made = simplejpeg.decode_jpeg(encode.from_picture(picture, 90))

    wanted = original if form != "gray" else np.repeat(picture.to_ndarray(format="gray")[:, :, None], 3, axis=2)
    assert np.abs(made.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("size", [(64, 48), (66, 50), (63, 47), (1366, 768)])
def test_any_size_is_kept(size: tuple[int, int]) -> None:
    picture = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 128, np.uint8), format="rgb24").reformat(format="yuv420p")

    assert jpeg.parse(encode.from_picture(picture, 80)).size == size


def test_a_higher_quality_takes_more_bytes() -> None:
    picture = av.VideoFrame.from_ndarray(pixels(), format="rgb24")

    assert len(encode.from_picture(picture, 30)) < len(encode.from_picture(picture, 90))
