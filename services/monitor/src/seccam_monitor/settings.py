"""The monitor's settings."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from seccam import settings, topology
from seccam.settings import listed
from seccam_monitor.auth import users
from seccam_monitor.auth.passwords import BadUsers
from seccam_monitor.auth.sessions import MIN_KEY
from seccam_monitor.http import certificate
from seccam_monitor.http.certificate import BadCertificate, Certificate


class MonitorSettings(settings.OpsSettings):
    """Where and to whom the page is served, and which cameras it always shows."""

    PREFIX: ClassVar[str] = "SECCAM_MONITOR_"

    allow_open: bool = Field(
        False, description="`true`: listen beyond loopback without a login; anyone who reaches the port sees the cameras."
    )
    users_file: str = Field(
        "",
        description="Path of a file that lists who may log in: lines `name:hash`, as written by `seccam-monitor-password` and "
        "`htpasswd -nB`. It is read again when it changes. Empty: no login.",
    )
    session_key_file: str = Field(
        "",
        description="Path of a file with the key that signs logins: 32 bytes or more, the same for all replicas. "
        "Empty: a new key at each start, which ends earlier logins.",
    )
    logouts_file: str = Field(
        "",
        description="Path of a file for logouts: a restarted monitor, and replicas that share it, refuse these logins as well. "
        "Empty: the name of the users file with `.logouts` appended. Where it can't be written, only the running process knows.",
    )
    session_hours: float = Field(168.0, gt=0, le=8784, description="Hours until a login expires.")
    trusted_proxies: str = Field(
        "",
        description="Comma-separated addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted.",
    )
    certificate_file: str = Field(
        "",
        description="Path of a PEM file with the page's certificate and its chain: the page is served over HTTPS. The file is read "
        "again when it changes.",
    )
    certificate_key_file: str = Field(
        "",
        validate_default=True,
        description="Path of a PEM file with the certificate's key, without a password. Empty: the key is in "
        "SECCAM_MONITOR_CERTIFICATE_FILE, too.",
    )
    allow_plain_http: bool = Field(
        False,
        description="`true`: listen beyond loopback without TLS and without a trusted proxy, on a network that you trust; "
        "passwords and pictures can be read on the way.",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address of the page. Beyond loopback it needs a login, or SECCAM_MONITOR_ALLOW_OPEN=true, and a certificate "
        "or a trusted proxy, or SECCAM_MONITOR_ALLOW_PLAIN_HTTP=true.",
    )
    port: settings.Port = Field(8080, description="Port of the page.")
    allowed_hosts: str = Field(
        "",
        description="Comma-separated host names under which browsers may open the page, besides loopback; with the port if a proxy "
        "listens on another one and doesn't pass it on in Host: `cam.example:8443`.",
    )
    cameras: str = Field(
        "", description="Comma-separated cameras that are always shown, in this order. Discovered ones follow by name."
    )
    watched: str = Field(
        "",
        description="Comma-separated cameras that are reported as offline even if no status of them has come since the monitor's "
        "start; they are always shown, too. Others are watched from their first status on; MQTT cameras send none.",
    )
    away_seconds: float = Field(
        30.0, ge=3, le=3600, description="Seconds without a picture after which a camera is away, and reported as offline."
    )
    max_viewers: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Pages and streams that may be open at the same time; half of them by one user if there are others.",
    )

    max_connections_per_address: int = Field(
        64,
        ge=8,
        le=10_000,
        description="Connections that one address may have open, and requests that one client behind a trusted proxy may have "
        "running; a browser has up to seven. In total there may be 100, and two more for each viewer.",
    )

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
        if path and len(_key_in(path)) < MIN_KEY:
            raise ValueError(f"must hold at least {MIN_KEY} bytes")
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

    @field_validator("certificate_key_file")
    @classmethod
    def _matching(cls, key_file: str, info: ValidationInfo) -> str:
        certificate_file: str = info.data["certificate_file"]
        if key_file and not certificate_file:
            raise ValueError("is of no use without SECCAM_MONITOR_CERTIFICATE_FILE")
        key_file = key_file or certificate_file
        if key_file:
            try:
                certificate.read(certificate_file, key_file)
            except BadCertificate as e:
                raise ValueError(str(e)) from None
        return key_file

    @field_validator("host")
    @classmethod
    def _closed(cls, host: str, info: ValidationInfo) -> str:
        # a setting that is wrong has a fault of its own, and is missing from the data
        given = info.data.get
        missing = []
        if given("users_file") == "" and not given("allow_open"):
            missing.append(
                "there is no login: set SECCAM_MONITOR_USERS_FILE, or SECCAM_MONITOR_ALLOW_OPEN=true if anyone who reaches it "
                "may watch"
            )
        if given("certificate_file") == "" and given("trusted_proxies") == "" and not given("allow_plain_http"):
            missing.append(
                "there is no TLS: set SECCAM_MONITOR_CERTIFICATE_FILE, or SECCAM_MONITOR_TRUSTED_PROXIES if a proxy adds TLS, "
                "or SECCAM_MONITOR_ALLOW_PLAIN_HTTP=true if you trust the network"
            )
        if missing and not is_loopback(host):
            raise ValueError(f"{host!r} is beyond loopback and {'; and '.join(missing)}")
        return host

    @field_validator("cameras", "watched")
    @classmethod
    def _named_well(cls, cameras: str) -> str:
        for name in listed(cameras):
            if not topology.is_camera(name):
                raise ValueError(f"{name!r} is not a camera name: at most 32 characters of a-z, 0-9 and '-', no '-' at either end")
        return cameras

    @property
    def session_key(self) -> bytes:
        """The key that signs logins; empty if no file is set."""
        return _key_in(self.session_key_file) if self.session_key_file else b""

    @property
    def certificate(self) -> Certificate | None:
        """The page's certificate; None: it is served without TLS. Raises BadCertificate."""
        return Certificate(self.certificate_file, self.certificate_key_file) if self.certificate_file else None

    @property
    def proxy_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks of trusted proxies."""
        return tuple(ipaddress.ip_network(proxy) for proxy in listed(self.trusted_proxies))

    @property
    def camera_names(self) -> tuple[str, ...]:
        """The cameras that are always shown, in order, without duplicates."""
        return tuple(dict.fromkeys(listed(self.cameras) + listed(self.watched)))

    @property
    def watched_cameras(self) -> frozenset[str]:
        """The cameras that are expected without a status."""
        return frozenset(listed(self.watched))

    @property
    def host_names(self) -> frozenset[str]:
        """Lower-case host names under which browsers may open the page, besides loopback."""
        return frozenset(name.lower() for name in listed(self.allowed_hosts))


def _key_in(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as e:
        raise ValueError(f"can't be read: {e.strerror}") from None


def is_loopback(host: str) -> bool:
    """Whether this name or address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
