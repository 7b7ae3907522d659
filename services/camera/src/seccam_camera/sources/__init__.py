"""Where pictures come from: one module for each kind of source."""

from __future__ import annotations

from dataclasses import dataclass

from seccam_camera.sources.address import SourceAddress
from seccam_camera.sources.base import Source, StopToken
from seccam_camera.sources.demo import Demo
from seccam_camera.sources.device import Device
from seccam_camera.sources.ffmpeg import File, Stream
from seccam_camera.sources.http import open_http


@dataclass(frozen=True)
class CaptureOptions:
    """What is asked of a source that has the choice: pixels, pictures a second."""

    width: int
    height: int
    fps: float


def open_source(address: SourceAddress, options: CaptureOptions, stop: StopToken) -> Source:
    """An open source; raises SourceNotOpened. `stop` ends what its calls wait for."""
    match address.kind:
        case "device":
            return Device(address.target, options.width, options.height, options.fps, stop)
        case "http":
            return open_http(address.target, stop) or Stream(address.target, stop)
        case "rtsp":
            return Stream(address.target, stop)
        case "file":
            return File(address.target, stop)
        case "demo":
            return Demo(options.fps, stop)
