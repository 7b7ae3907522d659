"""The part of Linux's video capture interface (V4L2) that a webcam needs.

PyAV is not used for webcams because its read never returns, whatever its timeout, when the device is unplugged or the driver
hangs. Structures and codes: linux/videodev2.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass

_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_MMAP = 1  # V4L2_MEMORY_MMAP
_CAP_VIDEO_CAPTURE, _CAP_STREAMING, _CAP_DEVICE_CAPS = 0x1, 0x04000000, 0x80000000
_BUFFER_ERROR = 0x40
_TIMESTAMP_MASK, _TIMESTAMP_MONOTONIC = 0xE000, 0x2000
_BUFFERS = 4


class _Capability(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class _FormatDescription(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 4),
    )


class _PixelFormat(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("bytesperline", ctypes.c_uint32),
        ("sizeimage", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 6),
    )


class _FormatUnion(ctypes.Union):
    # the pointer gives the union the same alignment as in the kernel
    _fields_ = (("pix", _PixelFormat), ("raw", ctypes.c_uint8 * 200), ("pointer", ctypes.c_void_p))


class _Format(ctypes.Structure):
    _fields_ = (("type", ctypes.c_uint32), ("fmt", _FormatUnion))


class _StreamParameters(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("capability", ctypes.c_uint32),
        ("capturemode", ctypes.c_uint32),
        ("numerator", ctypes.c_uint32),
        ("denominator", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 184),
    )


class _RequestBuffers(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 2),
    )


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("microseconds", ctypes.c_long))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("bytesused", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("timestamp", _Time),
        ("timecode", ctypes.c_uint32 * 4),
        ("sequence", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("offset", ctypes.c_ulong),  # in a union with pointers
        ("length", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 2),
    )


def _code(direction: int, number: int, argument: type[ctypes._CData]) -> int:
    """An ioctl request code: direction (1 write, 2 read), size, letter, number."""
    return direction << 30 | ctypes.sizeof(argument) << 16 | ord("V") << 8 | number


_QUERYCAP = _code(2, 0, _Capability)
_ENUM_FMT = _code(3, 2, _FormatDescription)
_S_FMT = _code(3, 5, _Format)
_REQBUFS = _code(3, 8, _RequestBuffers)
_QUERYBUF = _code(3, 9, _Buffer)
_QBUF = _code(3, 15, _Buffer)
_DQBUF = _code(3, 17, _Buffer)
_STREAMON = _code(1, 18, ctypes.c_int)
_STREAMOFF = _code(1, 19, ctypes.c_int)
_S_PARM = _code(3, 22, _StreamParameters)


def fourcc(name: str) -> int:
    """The code of a pixel format, from its four letters."""
    return int.from_bytes(name.encode(), "little")


@dataclass(frozen=True)
class FilledBuffer:
    """A buffer that the driver has filled; valid until the next one is dequeued."""

    data: memoryview
    #: By the monotonic clock, seconds; None if the driver uses another clock.
    timestamp: float | None
    #: Whether the driver reports it as damaged.
    damaged: bool


class CaptureDevice:
    """An open device; every method may raise OSError."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._maps: list[mmap.mmap] = []
        self._dequeued: tuple[_Buffer, memoryview] | None = None
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN | select.POLLPRI)

    def can_capture(self) -> bool:
        """Whether this node supplies pictures; a webcam has further nodes for metadata."""
        capability = _Capability()
        fcntl.ioctl(self._fd, _QUERYCAP, capability)
        has = capability.device_caps if capability.capabilities & _CAP_DEVICE_CAPS else capability.capabilities
        return bool(has & _CAP_VIDEO_CAPTURE) and bool(has & _CAP_STREAMING)

    def formats(self) -> Iterator[str]:
        """The pixel formats of the device, four letters each."""
        for index in range(64):
            description = _FormatDescription(index=index, type=_CAPTURE)
            try:
                fcntl.ioctl(self._fd, _ENUM_FMT, description)
            except OSError:
                return  # EINVAL: there are no more
            yield int(description.pixelformat).to_bytes(4, "little").decode("latin-1")

    def start(self, pixels: str, width: int, height: int, fps: float) -> tuple[str, int, int, int]:
        """Start streaming; what the driver chose: format, width, height, bytes per line."""
        requested = _Format(type=_CAPTURE)
        requested.fmt.pix.width, requested.fmt.pix.height, requested.fmt.pix.pixelformat = width, height, fourcc(pixels)
        fcntl.ioctl(self._fd, _S_FMT, requested)
        self._request_rate(fps)
        request = _RequestBuffers(count=_BUFFERS, type=_CAPTURE, memory=_MMAP)
        fcntl.ioctl(self._fd, _REQBUFS, request)
        for index in range(request.count):
            buffer = _Buffer(index=index, type=_CAPTURE, memory=_MMAP)
            fcntl.ioctl(self._fd, _QUERYBUF, buffer)
            self._maps.append(mmap.mmap(self._fd, buffer.length, offset=buffer.offset))
            fcntl.ioctl(self._fd, _QBUF, buffer)
        fcntl.ioctl(self._fd, _STREAMON, ctypes.c_int(_CAPTURE))
        got = requested.fmt.pix
        return got.pixelformat.to_bytes(4, "little").decode("latin-1"), got.width, got.height, got.bytesperline

    def wait(self, seconds: float) -> bool:
        """Wait at most this long; whether there is a picture, or an error that `dequeue` will raise."""
        return bool(self._poll.poll(seconds * 1000))

    def dequeue(self) -> FilledBuffer:
        """The next filled buffer; the previous one goes back to the driver. Raises BlockingIOError if there is none."""
        self._requeue()
        buffer = _Buffer(type=_CAPTURE, memory=_MMAP)
        fcntl.ioctl(self._fd, _DQBUF, buffer)
        data = memoryview(self._maps[buffer.index])[: buffer.bytesused]
        self._dequeued = buffer, data
        monotonic = buffer.flags & _TIMESTAMP_MASK == _TIMESTAMP_MONOTONIC
        return FilledBuffer(
            data=data,
            timestamp=buffer.timestamp.seconds + buffer.timestamp.microseconds / 1e6 if monotonic else None,
            damaged=bool(buffer.flags & _BUFFER_ERROR),
        )

    def close(self) -> None:
        """Stop streaming and close everything: an open map would keep the device's number in use after it is unplugged."""
        with contextlib.suppress(OSError):  # the device was unplugged, or never started
            fcntl.ioctl(self._fd, _STREAMOFF, ctypes.c_int(_CAPTURE))
        if self._dequeued is not None:
            self._dequeued[1].release()
        for mapped in self._maps:
            mapped.close()
        os.close(self._fd)

    def _request_rate(self, fps: float) -> None:
        requested = _StreamParameters(type=_CAPTURE, numerator=1000, denominator=max(1, round(fps * 1000)))
        with contextlib.suppress(OSError):  # not every driver supports it
            fcntl.ioctl(self._fd, _S_PARM, requested)

    def _requeue(self) -> None:
        if self._dequeued is not None:
            (buffer, data), self._dequeued = self._dequeued, None
            data.release()
            fcntl.ioctl(self._fd, _QBUF, buffer)
