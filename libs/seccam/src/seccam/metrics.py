"""Metrics that all services have, and shared histogram buckets."""

from __future__ import annotations

import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from seccam import message
from seccam.version import __version__

#: Upper bounds in seconds: ages of frames, durations of work.
AGE = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
WORK = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)

#: Discovered cameras that get a label value of their own; the others are counted as `other`.
MAX_CAMERAS = 64

CAUSES = ("refused", "auth", "tls", "heartbeat", "closed", "unconfirmed", "network")
#: CloudEvents type -> the value of the metrics' label `type`.
EVENT_TYPES = {
    message.FACE: "face",
    message.FACE_PRESENT: "face_present",
    message.FACE_GONE: "face_gone",
    message.CAMERA_OFFLINE: "camera_offline",
    message.CAMERA_ONLINE: "camera_online",
    message.CAMERA_COVERED: "camera_covered",
    message.CAMERA_FROZEN: "camera_frozen",
    message.CAMERA_CLEARED: "camera_cleared",
    message.PROBE: "probe",
    message.COMMAND: "command",
}


def new_registry(revision: str = "") -> CollectorRegistry:
    """A service's registry, with process metrics and the version."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    build = Gauge("seccam_build_info", "The version that runs", ["version", "revision"], registry=registry)
    build.labels(__version__, revision).set(1)
    return registry


class BrokerMetrics:
    """Metrics of a service's connections to the broker."""

    def __init__(self, registry: CollectorRegistry, directions: tuple[str, ...]) -> None:
        self.connected = Gauge("seccam_broker_connected", "Connected to the broker", ["direction"], registry=registry)
        self.blocked = Gauge("seccam_broker_blocked", "The broker blocks publishers (memory or disk alarm)", registry=registry)
        self.reconnects = Counter(
            "seccam_broker_reconnects", "Connections lost or refused", ["direction", "cause"], registry=registry
        )
        self.unreadable = Counter(
            "seccam_broker_unreadable_headers",
            "Messages with unreadable headers, handled as if they had none",
            registry=registry,
        )
        self.handler_failures = Counter(
            "seccam_broker_handler_failures",
            "Messages whose handling failed with an unexpected error (a bug), and that were dropped",
            ["direction"],
            registry=registry,
        )
        for direction in directions:
            self.connected.labels(direction).set(0)
            self.handler_failures.labels(direction)
            for cause in CAUSES:
                self.reconnects.labels(direction, cause)


class EventMetrics:
    """Metrics of the durable events that a service publishes."""

    OUTCOMES = ("confirmed", "refused", "returned", "error")
    LOSSES = ("buffer_full", "shutdown")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.unconfirmed = Gauge(
            "seccam_events_unconfirmed", "Events in memory that the broker has not confirmed", registry=registry
        )
        self.oldest = Gauge(
            "seccam_events_oldest_unconfirmed_timestamp_seconds",
            "When the oldest unconfirmed event was handed over; 0 = none",
            registry=registry,
        )
        self.published = Counter("seccam_events_published", "Attempts to publish an event", ["type", "outcome"], registry=registry)
        self.lost = Counter("seccam_events_lost", "Events dropped before a confirm", ["reason"], registry=registry)
        self.confirm_seconds = Histogram(
            "seccam_event_confirm_seconds", "From publishing an event to its confirm", buckets=WORK, registry=registry
        )
        for kind in EVENT_TYPES.values():
            for outcome in self.OUTCOMES:
                self.published.labels(kind, outcome)
        for reason in self.LOSSES:
            self.lost.labels(reason)


class CameraLabels:
    """Bounds the values of the label `camera`: the first `limit` cameras, then `other`; `on_new` creates series at 0."""

    def __init__(self, on_new: Callable[[str], None] = lambda camera: None, limit: int = MAX_CAMERAS) -> None:
        self._on_new, self._limit = on_new, limit
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, camera: str) -> str:
        """The label value of this camera; thread-safe."""
        with self._lock:
            if camera in self._seen:
                return camera
            label = camera if len(self._seen) < self._limit else "other"
            new = label not in self._seen
            self._seen.add(label)
        if new:
            self._on_new(label)
        return label
