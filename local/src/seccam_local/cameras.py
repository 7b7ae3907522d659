"""The cameras that `make run` starts: those in `SECCAM_CAMERAS`, else the webcam, else the demo."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from seccam import topology
from seccam.errors import SettingFault
from seccam.settings import given, showable

#: Where Linux puts the first webcam.
WEBCAM = "/dev/video0"


@dataclass(frozen=True)
class Camera:
    """A camera process: its name in topics and URLs, and its source."""

    name: str
    source: str
    #: `name=source` without a login, for errors; empty unless the camera comes from SECCAM_CAMERAS.
    entry: str = field(default="", compare=False)


def select(environ: Mapping[str, str], *, webcam: bool) -> tuple[list[Camera], list[SettingFault]]:
    """The valid cameras in the environment, and all faults; `webcam` says whether /dev/video0 exists.

    Without SECCAM_CAMERAS there is one, whose name and source SECCAM_CAMERA_NAME and SECCAM_CAMERA_SOURCE may set.
    """
    several = given(environ, "SECCAM_CAMERAS")
    alone = [name for name in ("SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE") if given(environ, name)]
    if several:
        cameras, faults = parse(several)
        why = "can't be combined with SECCAM_CAMERAS, which names each camera and its source; set one or the other"
        return cameras, [SettingFault(name, why) for name in alone] + faults
    source = given(environ, "SECCAM_CAMERA_SOURCE") or (WEBCAM if webcam else "demo")
    name = given(environ, "SECCAM_CAMERA_NAME") or {WEBCAM: "webcam", "demo": "demo"}.get(source, "camera")
    return [Camera(name, source)], []


def parse(text: str) -> tuple[list[Camera], list[SettingFault]]:
    """The valid cameras in `front=http://… yard=/dev/video0`, and all faults; separated by spaces, quoted as in a shell."""
    try:
        words = shlex.split(text)
    except ValueError as e:
        return [], [SettingFault("SECCAM_CAMERAS", str(e))]
    cameras: dict[str, Camera] = {}
    faults = []
    for word in words:
        name, equals, source = word.partition("=")
        if not equals or not source:
            faults.append(f"'{showable(word)}' is not name=source, such as front=/dev/video0")
        elif not topology.is_camera(name):
            faults.append(
                f"'{showable(name)}' is not a valid camera name; use 1 to 32 of a-z, 0-9 and -, without a - at either end"
            )
        elif name in cameras:
            faults.append(f"{name!r} appears twice")
        else:
            cameras[name] = Camera(name, source, f"{name}={showable(source)}")
    return list(cameras.values()), [SettingFault("SECCAM_CAMERAS", fault) for fault in faults]
