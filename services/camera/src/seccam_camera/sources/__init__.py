"""The camera's sources, one module for each kind."""

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
    """What to request from a source that can be configured: pixels, frames per second; and whose certificates to trust."""

    width: int
    height: int
    fps: float
    #: A file of certificates for sources over TLS; empty: the system's.
    ca_file: str = ""


def open_source(address: SourceAddress, options: CaptureOptions, stop: StopToken) -> Source:
    """Open the source at this address; raises SourceNotOpened. `stop` interrupts its blocking calls."""
    match address.kind:
        case "device":
            return Device(address.target, options.width, options.height, options.fps, stop)
        case "http":
            return open_http(address.target, stop, options.ca_file)
        case "rtsp":
            return Stream(address.target, stop, options.ca_file)
        case "file":
            return File(address.target, stop)
        case "demo":
            return Demo(options.fps, stop)
