"""The camera's settings, SECCAM_CAMERA_…, and what they mean."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from seccam import topology
from seccam.settings import OpsSettings
from seccam_camera.schedule import Schedule
from seccam_camera.sources import address

Rate = Annotated[float, Field(ge=0.001, le=60)]

#: What the schedules' parser says: the place of what it can't read, and the parts of its grammar that might stand there.
_PLACE, _EXPECTED = re.compile(r"--> (\d+):(\d+)"), re.compile(r"= expected (.*)")
#: Parts of its grammar whose names only a parser loves.
_PARTS = {"wday": "a weekday", "hour": "an hour", "minute": "a minute", "extended_time": "a time", "EOI": "the end"}


class CameraSettings(OpsSettings):
    """One camera."""

    PREFIX = "SECCAM_CAMERA_"

    name: str = Field(
        description="Name of the camera in topics, addresses and on the page: a to z, 0 to 9 and -, at most 32 characters."
    )
    source: SecretStr = Field(
        SecretStr("demo"),
        description="`/dev/video0`, `rtsp://…`, `http://…` (MJPEG), a video file's path, or `demo`. No log shows a login in it.",
    )
    zone: str = Field("", description="IANA time zone of the schedules, as Europe/Berlin; empty: the system's, or UTC.")
    holidays: str = Field(
        "", description="Country whose public holidays `PH` in the schedules means: ISO code, as DE; empty: none."
    )
    view_hours: str = Field(
        "24/7",
        description="When pictures for viewing are sent, in OpenStreetMap's opening_hours syntax; "
        "not by the sun (`sunset` …), nor school holidays (`SH`).",
    )
    security_hours: str = Field("24/7", description="When pictures for face detection are sent, in the same syntax.")
    view_fps: Rate = Field(15, description="Pictures a second for viewing, at most.")
    security_fps: Rate = Field(2, description="Pictures a second for face detection, at most.")
    width: int = Field(1280, ge=16, le=4096, description="Width asked of a device, pixels; it may give another.")
    height: int = Field(720, ge=16, le=4096, description="Height asked of a device, pixels; it may give another.")
    device_fps: float = Field(0, ge=0, le=240, description="Pictures a second asked of a device; 0: the higher of the two rates.")
    quality: int = Field(80, ge=1, le=100, description="JPEG quality, where the source gives no JPEGs.")

    @field_validator("name")
    @classmethod
    def _known_name(cls, value: str) -> str:
        if not topology.is_camera(value):
            raise ValueError("can't be a camera's name: 1 to 32 of a-z, 0-9 and -, no - at either end")
        return value

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: SecretStr) -> SecretStr:
        address.parse(value.get_secret_value())
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value:
            zone_of(value)
        return value

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, value: str) -> str:
        if value:
            Schedule("24/7", ZoneInfo("UTC"), value)
        return value

    @field_validator("view_hours", "security_hours")
    @classmethod
    def _known_hours(cls, value: str, info: ValidationInfo) -> str:
        country = info.data.get("holidays", "DE")  # any, if the one given is at fault itself
        try:
            Schedule(value, ZoneInfo("UTC"), country)
        except ValueError as e:
            raise ValueError(_in_one_line(str(e), value)) from None
        return value

    @property
    def address(self) -> address.SourceAddress:
        """Where the pictures come from."""
        return address.parse(self.source.get_secret_value())

    @property
    def tz(self) -> ZoneInfo:
        """The zone of the schedules."""
        return zone_of(self.zone) if self.zone else system_zone()

    @property
    def rate(self) -> float:
        """The higher of the two rates, pictures a second."""
        return max(self.view_fps, self.security_fps)

    def hours(self) -> dict[str, str]:
        """Each topic's schedule."""
        return {"view": self.view_hours, "security": self.security_hours}

    def rates(self) -> dict[str, float]:
        """Each topic's pictures a second."""
        return {"view": self.view_fps, "security": self.security_fps}


def _in_one_line(fault: str, hours: str) -> str:
    """A schedule's fault; what the parser draws below the text is put into words."""
    place, expected = _PLACE.search(fault), _EXPECTED.search(fault)
    if not place or not expected:
        return " ".join(fault.split())
    line, column = (int(number) - 1 for number in place.groups())
    rest = "".join(hours.splitlines(keepends=True)[line:])[column:].split()
    at = repr(rest[0]) if rest else "its end"
    only = re.fullmatch(r"\w+", expected[1])
    what = f"expected {_PARTS.get(only[0], only[0].replace('_', ' '))} at {at}" if only else f"can't be read from {at} on"
    return f"{what}; opening_hours syntax is as 24/7 or Mo-Fr 20:00-06:00; PH off"


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name; ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; give an IANA name, as Europe/Berlin") from None


def system_zone(localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """The zone that TZ or the system's clock is set to; UTC where that names none."""
    _, _, linked = str(localtime.resolve()).partition("zoneinfo/")
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked):
        try:
            return zone_of(name)
        except ValueError:
            continue  # not set, or a POSIX rule, which has no name
    return ZoneInfo("UTC")
