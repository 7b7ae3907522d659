"""The services of one run: their commands, environments and addresses. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seccam import settings, topology
from seccam.errors import SettingFault, SettingsError
from seccam.settings import LogSettings, VisitSettings, given, is_given
from seccam_local import cameras
from seccam_local.cameras import Camera
from seccam_local.settings import LocalSettings

CHECKOUT = Path(__file__).resolve().parents[3]
LOOPBACK = "127.0.0.1"
MONITOR_PORT = 8080
#: The first ops port of each service; further processes of the service use the ports after it.
OPS_PORTS = {"monitor": 9101, "notifier": 9102, "security": 9111, "camera": 9151}

#: Prefixes of the settings that several services read.
_SHARED_PREFIXES = ("SECCAM_BROKER_", "SECCAM_LOG_", "SECCAM_VISIT_")
#: Prefixes of the settings that only one service reads, beside its own.
_FURTHER_PREFIXES = {
    "notifier": ("IFTTT_", "SECCAM_TELEGRAM_", "SECCAM_NTFY_", "SECCAM_WEBHOOK_", "SECCAM_APPRISE_", "SECCAM_PUBLIC_")
}

_SCRIPTS = Path(sys.executable).parent
_COMMANDS: Mapping[str, Sequence[str]] = {
    "camera": (str(_SCRIPTS / "seccam-camera"),),
    "monitor": (str(_SCRIPTS / "seccam-monitor"),),
    "security": (str(_SCRIPTS / "seccam-security"),),
    "notifier": (str(_SCRIPTS / "seccam-notifier"),),
}


@dataclass(frozen=True)
class ListenAddress:
    """An address that a process listens on, and the setting that it comes from."""

    setting: str
    host: str
    port: int

    @property
    def client_address(self) -> str:
        """`host:port` for a client on this machine."""
        host = LOOPBACK if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  # only compared
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True)
class Service:
    """One process of a service."""

    name: str
    #: The service, as in the prefix of its settings.
    kind: str
    command: Sequence[str]
    user: str
    ops: ListenAddress
    #: Settings of this process alone; they extend `environment_from`.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: The camera, if this is a camera's process.
    camera: Camera | None = None

    def environment_from(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of the process if that of `make run` is `environ`: without what only other services need.

        So neither the keys of channels nor the logins of cameras are where they aren't used. Unknown names stay, to be reported.
        """
        own = (*_SHARED_PREFIXES, f"SECCAM_{self.kind.upper()}_", *_FURTHER_PREFIXES.get(self.kind, ()))
        others = tuple(prefix for prefix in (*settings.PREFIXES, "IFTTT_") if prefix not in own)
        kept = {name: value for name, value in environ.items() if not name.startswith(others) and name != "SECCAM_CAMERAS"}
        return {**kept, **self.environment}


@dataclass(frozen=True)
class Stack:
    """All services of one run. If there are `faults`, the rest is as without the wrong settings."""

    settings: LocalSettings
    cameras: Sequence[Camera]
    services: Sequence[Service]
    #: The address of the monitor's page.
    page: ListenAddress
    #: Whether the page has a certificate.
    https: bool
    #: Whether the run includes a private broker: not if SECCAM_BROKER_URL names another one.
    private_broker: bool
    faults: Sequence[SettingFault] = ()

    @property
    def page_url(self) -> str:
        """The page's URL for a browser on this machine."""
        return f"http{'s' if self.https else ''}://{self.page.client_address}"

    @property
    def addresses(self) -> list[ListenAddress]:
        """All addresses that must be free."""
        broker = _broker_addresses(self.settings) if self.private_broker else []
        return [self.page, *(service.ops for service in self.services), *broker]


def build_stack(environ: Mapping[str, str], *, webcam: bool) -> Stack:
    """The stack that the environment describes; `webcam` says whether /dev/video0 exists."""
    faults: list[SettingFault] = []
    own = LocalSettings()
    try:
        own, *_ = settings.load(LocalSettings, LogSettings, VisitSettings, environ=environ)
    except SettingsError as e:
        faults += e.faults
    chosen, wrong = cameras.select(environ, webcam=webcam)
    faults += wrong
    chosen = chosen or [Camera("demo", "demo")]  # so that a camera's other settings are checked as well
    page = _address(environ, "SECCAM_MONITOR_", MONITOR_PORT, faults)
    services = list(_services(environ, chosen, own.workers, page, faults))
    https = bool(given(environ, "SECCAM_MONITOR_CERTIFICATE_FILE"))
    stack = Stack(own, chosen, services, page, https, private_broker=not is_given(environ, "SECCAM_BROKER_URL"))
    return replace(stack, faults=tuple(dict.fromkeys([*faults, *clashes(stack.addresses)])))


def clashes(addresses: Iterable[ListenAddress]) -> list[SettingFault]:
    """A fault for each port that two settings claim."""
    owner: dict[int, str] = {}
    faults = []
    for one in addresses:
        if one.port in owner:
            faults.append(SettingFault(one.setting, f"port {one.port} is also the port of {owner[one.port]}"))
        owner.setdefault(one.port, one.setting)
    return faults


def _services(
    environ: Mapping[str, str], chosen: Sequence[Camera], workers: int, page: ListenAddress, faults: list[SettingFault]
) -> Iterator[Service]:
    def one(name: str, kind: str, user: str, own: Mapping[str, str], nth: int = 0) -> Service:
        ops = _address(environ, f"SECCAM_{kind.upper()}_OPS_", OPS_PORTS[kind], faults, nth)
        return Service(name, kind, _COMMANDS[kind], user, ops, {ops.setting: str(ops.port), **own})

    for nth, camera in enumerate(chosen):
        own = {"SECCAM_CAMERA_NAME": camera.name, "SECCAM_CAMERA_SOURCE": camera.source}
        yield replace(one(f"camera-{camera.name}", "camera", topology.camera_user(camera.name), own, nth), camera=camera)
    # the page shows the cameras in this order; an invalid name is reported for the camera alone
    names = ",".join(camera.name for camera in chosen if topology.is_camera(camera.name))
    shown = {name: given(environ, name) or names for name in ("SECCAM_MONITOR_CAMERAS", "SECCAM_MONITOR_WATCHED")}
    yield one("monitor", "monitor", topology.MONITOR_USER, {page.setting: str(page.port), **shown})
    for nth in range(workers):
        yield one(f"security-{nth + 1}", "security", topology.SECURITY_USER, {}, nth)
    yield one("notifier", "notifier", topology.NOTIFIER_USER, {})


def _address(environ: Mapping[str, str], prefix: str, default: int, faults: list[SettingFault], nth: int = 0) -> ListenAddress:
    """The address in `<prefix>HOST` and `<prefix>PORT`, its port raised by `nth`; an invalid port is added to `faults`."""
    setting = f"{prefix}PORT"
    text = given(environ, setting) or str(default)
    port = int(text) + nth if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= 65535:
        faults.append(SettingFault(setting, f"{text!r} is not a port from 1 to 65535"))
        port = default + nth
    return ListenAddress(setting, given(environ, f"{prefix}HOST") or LOOPBACK, port)


def _broker_addresses(own: LocalSettings) -> list[ListenAddress]:
    ports = ("broker_port", "mqtt_port", "prometheus_port", "distribution_port", "epmd_port")
    return [ListenAddress(f"{own.PREFIX}{port}".upper(), LOOPBACK, getattr(own, port)) for port in ports]
