"""Pictures from a webcam's buffers."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from seccam.errors import BadFrame
from seccam_camera.settings import CameraSettings
from seccam_camera.sources import device
from seccam_camera.sources.base import SourceNotOpened, StopToken
from seccam_camera.sources.v4l2 import FilledBuffer
from tests.unit.camera.pictures import pixels

WIDTH, HEIGHT = 320, 180

#: V4L2's name -> FFmpeg's, and the bytes of a line.
FORMATS = {
    "YUYV": ("yuyv422", 2 * WIDTH),
    "NV12": ("nv12", WIDTH),
    "YU12": ("yuv420p", WIDTH),
    "RGB3": ("rgb24", 3 * WIDTH),
    "GREY": ("gray", WIDTH),
}


def buffer(pixel_format: str, padding: int = 0) -> bytes:
    """The photo in a driver's buffer, with this many bytes of padding after each line."""
    name, line = FORMATS[pixel_format]
    raw = av.VideoFrame.from_ndarray(pixels(WIDTH, HEIGHT), format="rgb24").reformat(format=name).to_ndarray()
    return np.pad(raw.reshape(-1, line), ((0, 0), (0, padding)), constant_values=255).tobytes()


Encode = Callable[..., bytes]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Encode:
    """The JPEG of one buffer of a webcam."""

    def encode(data: bytes, pixel_format: str, padding: int = 0) -> bytes:
        class CaptureDevice:
            """A driver with this buffer."""

            def __init__(self, path: str) -> None: ...

            def can_capture(self) -> bool:
                return True

            def formats(self) -> list[str]:
                return [pixel_format]

            def start(self, *_: Any) -> tuple[str, int, int, int]:
                return pixel_format, WIDTH, HEIGHT, FORMATS[pixel_format][1] + padding

            def wait(self, seconds: float) -> bool:
                return True

            def dequeue(self) -> FilledBuffer:
                return FilledBuffer(memoryview(data), time.monotonic(), damaged=False)

        monkeypatch.setattr(device, "CaptureDevice", CaptureDevice)
        made = device.Device("/dev/video0", WIDTH, HEIGHT, 15, StopToken()).read().jpeg
        assert not isinstance(made, bytes)
        return made(90)

    return encode


@pytest.mark.parametrize("below", [0, 1, 16 * WIDTH + 7], ids=["no padding", "a byte below", "lines below"])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_padding_below_a_raw_picture_is_not_encoded(pixel_format: str, below: int, encoded: Encode) -> None:
    made = encoded(buffer(pixel_format) + b"\xff" * below, pixel_format)

    assert_is_the_photo(made, grey=pixel_format == "GREY")


@pytest.mark.parametrize("pixel_format", ["YUYV", "NV12", "RGB3", "GREY"])
def test_padding_of_a_raw_pictures_lines_is_not_encoded(pixel_format: str, encoded: Encode) -> None:
    made = encoded(buffer(pixel_format, padding=64), pixel_format, padding=64)

    assert_is_the_photo(made, grey=pixel_format == "GREY")


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [1, 1000, -1], ids=["a byte", "1000 bytes", "all but a byte"])
def test_a_buffer_that_is_too_short_is_a_bad_frame(pixel_format: str, size: int, encoded: Encode) -> None:
    with pytest.raises(BadFrame, match="320x180") as refused:
        encoded(buffer(pixel_format)[:size], pixel_format)

    assert refused.value.reason == "corrupt"


def test_a_lack_of_usb_bandwidth_is_reported_with_the_settings_that_reduce_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class CaptureDevice:
        """The second webcam on a bus."""

        def __init__(self, path: str) -> None: ...

        def can_capture(self) -> bool:
            return True

        def formats(self) -> list[str]:
            return ["MJPG"]

        def start(self, *_: Any) -> tuple[str, int, int, int]:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None: ...

    monkeypatch.setattr(device, "CaptureDevice", CaptureDevice)

    with pytest.raises(SourceNotOpened, match="no bandwidth left on its USB bus") as refused:
        device.Device("/dev/video0", WIDTH, HEIGHT, 15, StopToken())

    named = set(re.findall(r"SECCAM_CAMERA_(\w+)", str(refused.value)))
    assert named == {"WIDTH", "HEIGHT", "DEVICE_FPS"}
    assert {name.lower() for name in named} <= set(CameraSettings.model_fields)


def assert_is_the_photo(made: bytes, *, grey: bool) -> None:
    got = simplejpeg.decode_jpeg(made, colorspace="GRAY" if grey else "RGB")
    wanted: NDArray[Any] = pixels(WIDTH, HEIGHT)
    if grey:
        wanted = av.VideoFrame.from_ndarray(wanted, format="rgb24").to_ndarray(format="gray")[:, :, None]
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted).mean() < 6
