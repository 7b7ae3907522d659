"""The monitor's metrics; names and meanings: docs/ref/metrics.md."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from seccam import topology
from seccam.frame_age import Age
from seccam.metrics import AGE, MAX_CAMERAS, WORK, CameraLabels

TRANSPORTS = ("websocket", "mjpeg")
ENDS = ("client", "slow", "limit", "shutdown", "login", "forgotten")
DROPS = ("stale", "corrupt", "oversize", "unknown_camera")
FLOWS = (topology.STATUS, topology.FACES, topology.PRESENCE, topology.EVENTS)
LOGINS = ("ok", "refused", "limited")
CODES = ("2xx", "3xx", "4xx", "5xx")


class CameraMetrics:
    """One camera's series, looked up once."""

    def __init__(self, metrics: Metrics, label: str) -> None:
        self._future = metrics.from_future.labels(label)
        self.received = metrics.received.labels(label)
        self.last_frame = metrics.last_frame.labels(label)
        self.dropped = {reason: metrics.dropped.labels(label, reason) for reason in DROPS}
        self.age_received = metrics.age.labels(label, "received")
        self.age_shown = metrics.age.labels(label, "shown")

    def arrived(self, age: Age, wall: float) -> None:
        """A frame came in."""
        self.last_frame.set(wall)
        if age.future:
            self._future.inc()
        if not age.untimed:
            self.age_received.observe(age.seconds)


class TransportMetrics:
    """One transport's series."""

    def __init__(self, metrics: Metrics, transport: str) -> None:
        self.viewers = metrics.viewers.labels(transport)
        self.sent = metrics.sent.labels(transport)
        self.skipped = metrics.skipped.labels(transport)
        self.closed = {reason: metrics.closed.labels(transport, reason) for reason in ENDS}


class Metrics:
    """All of them, on the service's registry."""

    def __init__(self, registry: CollectorRegistry, cameras: Sequence[str]) -> None:
        self.last_frame = Gauge(
            "seccam_monitor_last_frame_timestamp_seconds", "When the last frame arrived", ["camera"], registry=registry
        )
        self.viewers = Gauge("seccam_monitor_viewers", "Who is watching", ["transport"], registry=registry)
        self.received = Counter("seccam_monitor_frames_received", "Frames that came in", ["camera"], registry=registry)
        self.dropped = Counter(
            "seccam_monitor_frames_dropped", "Frames that came in and were not shown", ["camera", "reason"], registry=registry
        )
        self.sent = Counter("seccam_monitor_frames_sent", "Pictures written to viewers", ["transport"], registry=registry)
        self.skipped = Counter(
            "seccam_monitor_frames_skipped", "Pictures that slow viewers didn't get", ["transport"], registry=registry
        )
        self.closed = Counter(
            "seccam_monitor_viewers_closed", "Viewers that are gone, and why", ["transport", "reason"], registry=registry
        )
        self.age = Histogram(
            "seccam_monitor_frame_age_seconds",
            "Age of a picture at its arrival, and when written to a viewer's socket",
            ["camera", "stage"],
            buckets=AGE,
            registry=registry,
        )
        self.from_future = Counter(
            "seccam_frames_from_future", "Frames that claim to be taken later than now", ["camera"], registry=registry
        )
        refused = Counter(
            "seccam_monitor_messages_refused",
            "Messages that can't be read, or whose camera isn't that of their topic",
            ["flow"],
            registry=registry,
        )
        self.refused = {flow: refused.labels(flow.removeprefix("seccam.")) for flow in FLOWS}
        self.requests = Histogram(
            "seccam_monitor_http_request_seconds",
            "Time of an HTTP request, by route; streams are left out",
            ["route", "code"],
            buckets=WORK,
            registry=registry,
        )
        logins = Counter("seccam_monitor_logins", "Tries to log in, and what came of them", ["outcome"], registry=registry)
        self.logins = {outcome: logins.labels(outcome) for outcome in LOGINS}
        self.transports = {transport: TransportMetrics(self, transport) for transport in TRANSPORTS}
        self._cameras: dict[str, CameraMetrics] = {}
        self._label = CameraLabels(self._new, len(cameras) + MAX_CAMERAS)
        for camera in cameras:
            self._label(camera)
        self._new("other")

    def camera(self, name: str | None) -> CameraMetrics:
        """The series of this camera; those of `other` for None and where too many are known."""
        return self._cameras["other" if name is None else self._label(name)]

    def routes(self, routes: Sequence[str]) -> None:
        """Create these routes' series at 0."""
        for route in routes:
            for code in CODES:
                self.requests.labels(route, code)

    def _new(self, label: str) -> None:
        if label not in self._cameras:
            self._cameras[label] = CameraMetrics(self, label)
