"""The monitor's metrics; docs/ref/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from seccam import topology
from seccam.frame_age import Age
from seccam.metrics import AGE, MAX_CAMERAS, WORK, CameraLabels

TRANSPORTS = ("websocket", "mjpeg")
ENDS = ("client", "slow", "limit", "account_limit", "shutdown", "login", "forgotten")
DROPS = ("stale", "corrupt", "oversize", "unknown_camera")
FLOWS = (topology.STATUS, topology.FACES, topology.PRESENCE, topology.EVENTS, topology.MODE)
#: Why a connection, or a request of a client behind a proxy, was refused or ended.
REFUSALS = ("limit", "address_limit", "handshake", "head_timeout", "head_too_large", "malformed", "write_timeout")
LOGINS = ("ok", "refused", "limited")
CODES = ("2xx", "3xx", "4xx", "5xx")


class CameraMetrics:
    """The series of one camera, looked up once."""

    def __init__(self, metrics: Metrics, label: str) -> None:
        self._future = metrics.from_future.labels(label)
        self.received = metrics.received.labels(label)
        self.last_frame = metrics.last_frame.labels(label)
        self.offline = metrics.offline.labels(label)
        self.dropped = {reason: metrics.dropped.labels(label, reason) for reason in DROPS}
        self.age_received = metrics.age.labels(label, "received")
        self.age_shown = metrics.age.labels(label, "shown")

    def arrived(self, age: Age, wall: float) -> None:
        """Record a frame that is shown."""
        self.last_frame.set(wall)
        if age.future:
            self._future.inc()
        if not age.untimed:
            self.age_received.observe(age.seconds)


class TransportMetrics:
    """The series of one transport."""

    def __init__(self, metrics: Metrics, transport: str) -> None:
        self.viewers = metrics.viewers.labels(transport)
        self.sent = metrics.sent.labels(transport)
        self.skipped = metrics.skipped.labels(transport)
        self.closed = {reason: metrics.closed.labels(transport, reason) for reason in ENDS}


class Metrics:
    """All metrics, on the service's registry."""

    def __init__(self, registry: CollectorRegistry, cameras: Sequence[str]) -> None:
        self.last_frame = Gauge(
            "seccam_monitor_last_frame_timestamp_seconds", "When the last frame arrived", ["camera"], registry=registry
        )
        self.offline = Gauge(
            "seccam_monitor_camera_offline",
            "1: the camera was reported as offline, and not as back since",
            ["camera"],
            registry=registry,
        )
        self.viewers = Gauge("seccam_monitor_viewers", "Connected pages and streams", ["transport"], registry=registry)
        self.received = Counter("seccam_monitor_frames_received", "View frames received", ["camera"], registry=registry)
        self.dropped = Counter(
            "seccam_monitor_frames_dropped", "View frames received and not shown", ["camera", "reason"], registry=registry
        )
        self.sent = Counter("seccam_monitor_frames_sent", "Pictures sent to viewers", ["transport"], registry=registry)
        self.skipped = Counter(
            "seccam_monitor_frames_skipped", "Pictures skipped for slow viewers", ["transport"], registry=registry
        )
        self.closed = Counter(
            "seccam_monitor_viewers_closed", "Viewers disconnected, by reason", ["transport", "reason"], registry=registry
        )
        self.age = Histogram(
            "seccam_monitor_frame_age_seconds",
            "Age of a picture when it is received, and when it is sent to a viewer",
            ["camera", "stage"],
            buckets=AGE,
            registry=registry,
        )
        self.from_future = Counter(
            "seccam_frames_from_future", "Frames whose capture time is in the future", ["camera"], registry=registry
        )
        refused = Counter(
            "seccam_monitor_messages_refused",
            "Messages that can't be read, or whose camera isn't that of their topic",
            ["flow"],
            registry=registry,
        )
        self.refused = {flow: refused.labels(flow.removeprefix("seccam.")) for flow in FLOWS}
        connections = Counter(
            "seccam_monitor_connections_refused",
            "Connections, and requests of clients behind a proxy, that a limit refused or ended",
            ["reason"],
            registry=registry,
        )
        self.connections_refused = {reason: connections.labels(reason) for reason in REFUSALS}
        self.requests = Histogram(
            "seccam_monitor_http_request_seconds",
            "Duration of HTTP requests by route, without streams",
            ["route", "code"],
            buckets=WORK,
            registry=registry,
        )
        logins = Counter("seccam_monitor_logins", "Login attempts by outcome", ["outcome"], registry=registry)
        self.logins = {outcome: logins.labels(outcome) for outcome in LOGINS}
        self.transports = {transport: TransportMetrics(self, transport) for transport in TRANSPORTS}
        self._cameras: dict[str, CameraMetrics] = {}
        self._label = CameraLabels(self._new, len(cameras) + MAX_CAMERAS)
        for camera in cameras:
            self._label(camera)
        self._new("other")

    def camera(self, name: str | None) -> CameraMetrics:
        """The series of this camera; those of `other` for None, and once too many cameras are known."""
        return self._cameras["other" if name is None else self._label(name)]

    def routes(self, routes: Sequence[str]) -> None:
        """Create the series of these routes at 0."""
        for route in routes:
            for code in CODES:
                self.requests.labels(route, code)

    def _new(self, label: str) -> None:
        if label not in self._cameras:
            self._cameras[label] = CameraMetrics(self, label)
