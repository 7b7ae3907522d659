"""The camera's settings: the SECCAM_CAMERA_ variables."""

from __future__ import annotations

import ssl
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from seccam import topology
from seccam.schedule import Schedule, check_hours
from seccam.settings import OpsSettings
from seccam.zone import system_zone, zone_of
from seccam_camera.sources import address

Rate = Annotated[float, Field(ge=0.001, le=60)]


class CameraSettings(OpsSettings):
    """The settings of one camera."""

    PREFIX = "SECCAM_CAMERA_"

    name: str = Field(description="Name of the camera in topics, URLs and on the page: at most 32 characters of a-z, 0-9 and -.")
    source: SecretStr = Field(
        SecretStr("demo"),
        description="`/dev/video0`, `rtsp://…`, `http://…` (MJPEG), a video file's path, or `demo`. A login in it is never logged.",
    )
    ca_file: str = Field(
        "",
        description="PEM file of the authorities to trust for `https://` and `rtsps://`, or of the camera's own certificate; "
        "empty: the system's.",
    )
    zone: str = Field(
        "", description="IANA time zone of the schedules, such as Europe/Berlin; empty: the system's, or UTC if it has none."
    )
    holidays: str = Field(
        "", description="ISO code of the country whose public holidays `PH` means in the schedules, such as DE; empty: none."
    )
    view_hours: str = Field(
        "24/7",
        description="When view frames are sent, in OpenStreetMap's opening_hours syntax, "
        "without sun times (`sunset` …) and school holidays (`SH`).",
    )
    security_hours: str = Field("24/7", description="When security frames are sent, in the same syntax.")
    view_fps: Rate = Field(15, description="Most view frames per second.")
    security_fps: Rate = Field(2, description="Most security frames per second.")
    width: int = Field(1280, ge=16, le=4096, description="Width in pixels to request from a webcam, which may choose another.")
    height: int = Field(720, ge=16, le=4096, description="Height in pixels to request from a webcam, which may choose another.")
    device_fps: float = Field(
        0, ge=0, le=240, description="Frames per second to request from a webcam; 0: the higher of the two rates above."
    )
    quality: int = Field(80, ge=1, le=100, description="JPEG quality, for sources that don't supply JPEGs.")

    @field_validator("name")
    @classmethod
    def _known_name(cls, value: str) -> str:
        if not topology.is_camera(value):
            raise ValueError("is not a valid camera name; use 1 to 32 of a-z, 0-9 and -, without a - at either end")
        return value

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: SecretStr) -> SecretStr:
        address.parse(value.get_secret_value())
        return value

    @field_validator("ca_file")
    @classmethod
    def _of_certificates(cls, value: str) -> str:
        if value:
            try:
                ssl.create_default_context(cafile=value)
            except OSError as e:  # of which SSLError is one
                raise ValueError(f"has no certificates: {e.strerror}") from None
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
        country = info.data.get("holidays", "DE")  # any country, if the one given is itself wrong
        check_hours(value, country)
        return value

    @property
    def address(self) -> address.SourceAddress:
        """The source's address."""
        return address.parse(self.source.get_secret_value())

    @property
    def tz(self) -> ZoneInfo:
        """The time zone of the schedules."""
        return zone_of(self.zone) if self.zone else system_zone()

    @property
    def rate(self) -> float:
        """The higher of the two rates, frames per second."""
        return max(self.view_fps, self.security_fps)

    def hours(self) -> dict[str, str]:
        """The schedule of each topic."""
        return {"view": self.view_hours, "security": self.security_hours}

    def rates(self) -> dict[str, float]:
        """The frames per second of each topic."""
        return {"view": self.view_fps, "security": self.security_fps}
