"""Which cameras `make run` starts: `SECCAM_CAMERAS`, or the webcam, or the demo."""

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
    """One camera process: its name on topics and in URLs, and where its pictures come from."""

    name: str
    source: str
    #: `name=source` as a fault may show it, where it comes from SECCAM_CAMERAS.
    entry: str = field(default="", compare=False)


def select(environ: Mapping[str, str], *, webcam: bool) -> tuple[list[Camera], list[SettingFault]]:
    """The cameras that the environment asks for, without those that can't be, and every fault; `webcam`: /dev/video0 is there.

    Without SECCAM_CAMERAS there is one, which SECCAM_CAMERA_NAME and SECCAM_CAMERA_SOURCE may change.
    """
    several = given(environ, "SECCAM_CAMERAS")
    alone = [name for name in ("SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE") if given(environ, name)]
    if several:
        cameras, faults = parse(several)
        why = "each camera's own stands in SECCAM_CAMERAS; set one or the other"
        return cameras, [SettingFault(name, why) for name in alone] + faults
    source = given(environ, "SECCAM_CAMERA_SOURCE") or (WEBCAM if webcam else "demo")
    name = given(environ, "SECCAM_CAMERA_NAME") or {WEBCAM: "webcam", "demo": "demo"}.get(source, "camera")
    return [Camera(name, source)], []


def parse(text: str) -> tuple[list[Camera], list[SettingFault]]:
    """`front=http://… yard=/dev/video0`, separated by spaces, quoted as in a shell: the good ones, and a fault for each other."""
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
            faults.append(f"'{showable(name)}' can't be a camera's name: 1 to 32 of a-z, 0-9 and -, no - at either end")
        elif name in cameras:
            faults.append(f"{name!r} is there twice")
        else:
            cameras[name] = Camera(name, source, f"{name}={showable(source)}")
    return list(cameras.values()), [SettingFault("SECCAM_CAMERAS", fault) for fault in faults]
