"""A webcam: a V4L2 device with JPEGs, as most have, or raw pictures."""

from __future__ import annotations

import errno
import functools
import time

import av
import numpy as np

from seccam.errors import BadFrame
from seccam_camera import encode
from seccam_camera.sources.base import TIMEOUT, Capture, SourceLost, SourceNotOpened, StopToken
from seccam_camera.sources.v4l2 import CaptureDevice

#: Formats whose buffers are JPEGs.
_JPEG = ("MJPG", "JPEG")
#: Raw formats, best first: V4L2's name -> FFmpeg's name, bytes per pixel in a line, buffer lines per two lines of the picture.
_RAW = {
    "YUYV": ("yuyv422", 2, 2),
    "NV12": ("nv12", 1, 3),
    "YU12": ("yuv420p", 1, 3),
    "RGB3": ("rgb24", 3, 2),
    "BGR3": ("bgr24", 3, 2),
    "GREY": ("gray", 1, 2),
}
#: Seconds between checks for a stop.
_POLL_SECONDS = 0.25
#: A driver's timestamp is ignored if it is older than this, seconds.
_MAX_TIMESTAMP_AGE = 2.0

_REASONS = {
    errno.ENOENT: "there is no such device",
    errno.ENODEV: "unplugged",
    errno.ENXIO: "unplugged",
    errno.EACCES: "permission denied: add the user to the device's group, usually `video`",
    errno.EPERM: "permission denied: add the user to the device's group, usually `video`",
    errno.EBUSY: "busy: another program is using it",
    errno.ENOTTY: "not a video device",
    errno.ENOSPC: "no bandwidth left on its USB bus: use another port, or lower "
    "SECCAM_CAMERA_WIDTH, SECCAM_CAMERA_HEIGHT or SECCAM_CAMERA_DEVICE_FPS",
}


class Device:
    """An open webcam."""

    def __init__(self, path: str, width: int, height: int, fps: float, stop: StopToken) -> None:
        """Open the device at `path`; raises SourceNotOpened. The driver may choose another size and rate."""
        self._stop = stop
        try:
            self._device = CaptureDevice(path)
        except OSError as e:
            raise _not_opened(e) from None
        try:
            self._start(width, height, fps)
        except OSError as e:
            self._device.close()
            raise _not_opened(e) from None
        except SourceNotOpened:
            self._device.close()
            raise

    def read(self) -> Capture:
        """The next picture; raises SourceLost."""
        until = time.monotonic() + TIMEOUT
        while not self._stop.is_set():
            try:
                if not self._device.wait(_POLL_SECONDS):
                    if time.monotonic() > until:
                        raise SourceLost("stalled", f"no picture for {TIMEOUT:.0f} s: unplugged, or the driver hangs")
                    continue
                buffer = self._device.dequeue()
            except BlockingIOError:
                self._stop.wait(_POLL_SECONDS)  # the driver has signalled something other than a picture
                continue
            except OSError as e:
                raise SourceLost("error", _REASONS.get(e.errno or 0, f"can't be read: {e.strerror}")) from None
            if buffer.damaged or not buffer.data:
                continue
            now = time.monotonic()
            taken = buffer.timestamp if buffer.timestamp is not None and 0 <= now - buffer.timestamp < _MAX_TIMESTAMP_AGE else now
            jpeg = bytes(buffer.data) if self._raw is None else functools.partial(self._encode, buffer.data)
            return Capture(time.time() - (now - taken), taken, jpeg)
        raise SourceLost("ended", "stopped")

    def close(self) -> None:
        """Close the device."""
        self._device.close()

    def _start(self, width: int, height: int, fps: float) -> None:
        if not self._device.can_capture():
            raise SourceNotOpened("error", "has no pictures: a metadata or output node; try the webcam's other /dev/video…")
        has = set(self._device.formats())
        chosen = next((f for f in (*_JPEG, *_RAW) if f in has), None)
        if chosen is None:
            raise SourceNotOpened("error", f"has no supported pixel format, only {', '.join(sorted(has)) or 'none'}")
        got, self._width, self._height, self._line = self._device.start(chosen, width, height, fps)
        if got != chosen:
            raise SourceNotOpened("error", f"uses the pixel format {got}, though {chosen} was requested")
        self._raw = None if chosen in _JPEG else _RAW[chosen]

    def _encode(self, data: memoryview, quality: int) -> bytes:
        return encode.from_picture(self._picture(data), quality)

    def _picture(self, data: memoryview) -> av.VideoFrame:
        """The picture in a raw buffer, without padding. Raises BadFrame (corrupt)."""
        assert self._raw is not None  # JPEGs aren't encoded
        name, pixel, lines_of_two = self._raw
        lines = self._height * lines_of_two // 2
        shape = (lines, self._width, pixel) if pixel > 1 else (lines, self._width)
        try:
            padded = np.frombuffer(data, np.uint8, self._line * lines).reshape(lines, self._line)
            picture = np.ascontiguousarray(padded[:, : self._width * pixel]).reshape(shape)
            return av.VideoFrame.from_ndarray(picture, format=name)
        except ValueError as e:
            raise BadFrame(
                "corrupt",
                f"{len(data)} bytes are not a {name} picture of {self._width}x{self._height} with {self._line} bytes per line: {e}",
            ) from None


def _not_opened(error: OSError) -> SourceNotOpened:
    outcome = "refused" if error.errno in (errno.EACCES, errno.EPERM, errno.EBUSY) else "error"
    return SourceNotOpened(outcome, _REASONS.get(error.errno or 0, f"can't be opened: {error.strerror}"))  # type: ignore[arg-type]  # one of its literals
