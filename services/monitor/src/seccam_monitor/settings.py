"""The monitor's settings."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from seccam import settings, topology
from seccam_monitor.auth import users
from seccam_monitor.auth.passwords import BadUsers
from seccam_monitor.auth.sessions import LEAST_KEY


class MonitorSettings(settings.OpsSettings):
    """Where the page is served, for whom, and which cameras it always shows."""

    PREFIX: ClassVar[str] = "SECCAM_MONITOR_"

    allow_open: bool = Field(
        False, description="`true`: listen beyond loopback although there is no login; whoever reaches the port sees the cameras."
    )
    users_file: str = Field(
        "",
        description="Path of a file that says who may log in: lines `name:hash` as `seccam-monitor-password` and `htpasswd -nB` "
        "make them; it is read again when it changes. Empty: there is no login.",
    )
    session_key_file: str = Field(
        "",
        description="Path of a file with the key that signs logins, 32 bytes or more, the same for all replicas; "
        "empty: one is made at each start, with which earlier logins end.",
    )
    session_hours: float = Field(168.0, gt=0, le=8784, description="Hours until a login ends.")
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks, comma-separated, of proxies whose X-Forwarded-For and -Proto are believed.",
    )
    host: str = Field(
        "127.0.0.1", description="Address of the page; one beyond loopback needs a login, or SECCAM_MONITOR_ALLOW_OPEN=true."
    )
    port: settings.Port = Field(8080, description="Port of the page.")
    allowed_hosts: str = Field(
        "",
        description="Names, comma-separated, by which browsers may call the page, besides loopback's own; with the port where a "
        "proxy listens on one of its own and doesn't hand it on in Host: `cam.example:8443`.",
    )
    cameras: str = Field(
        "", description="Cameras that are always shown, in this order, comma-separated; others follow by name as they are found."
    )
    away_seconds: float = Field(30.0, ge=3, le=3600, description="Seconds without a picture after which a camera is away.")
    max_viewers: int = Field(50, ge=1, le=10_000, description="Pages and streams that may be watched at the same time.")

    @field_validator("users_file")
    @classmethod
    def _usable(cls, path: str) -> str:
        if path:
            try:
                users.read(path)
            except BadUsers as e:
                raise ValueError(str(e)) from None
        return path

    @field_validator("session_key_file")
    @classmethod
    def _long_enough(cls, path: str) -> str:
        if path and len(_key_in(path)) < LEAST_KEY:
            raise ValueError(f"must hold at least {LEAST_KEY} bytes")
        return path

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: str) -> str:
        for proxy in listed(proxies):
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return proxies

    @field_validator("host")
    @classmethod
    def _closed(cls, host: str, info: ValidationInfo) -> str:
        # a users file that can't be used is a fault of its own, and not among the data
        login = info.data.get("users_file") != ""
        if not is_loopback(host) and not login and not info.data.get("allow_open"):
            raise ValueError(
                f"{host!r} is beyond loopback and there is no login: give it one with SECCAM_MONITOR_USERS_FILE, "
                "or say SECCAM_MONITOR_ALLOW_OPEN=true if everyone who reaches it may watch"
            )
        return host

    @field_validator("cameras")
    @classmethod
    def _named_well(cls, cameras: str) -> str:
        for name in listed(cameras):
            if not topology.is_camera(name):
                raise ValueError(f"{name!r} is no camera name: at most 32 of a-z, 0-9 and '-', not at an end")
        return cameras

    @property
    def session_key(self) -> bytes:
        """The key that signs logins; empty if there is no file with one."""
        return _key_in(self.session_key_file) if self.session_key_file else b""

    @property
    def camera_names(self) -> tuple[str, ...]:
        """The cameras that are always shown, in order, each once."""
        return tuple(dict.fromkeys(listed(self.cameras)))

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which browsers may call the page, besides loopback's own, in lower case."""
        return frozenset(name.lower() for name in listed(self.allowed_hosts))


def _key_in(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as e:
        raise ValueError(f"can't be read: {e.strerror}") from None


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether this name or address is the machine itself and reached from nowhere else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
