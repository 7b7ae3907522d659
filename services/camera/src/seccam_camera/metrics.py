"""The camera's metrics; docs/ref/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from seccam.metrics import AGE, WORK
from seccam.schedule import Slot

TOPICS = ("view", "security")
DROPS = ("replaced", "disconnected", "blocked", "oversize", "corrupt")
OPENS = ("ok", "refused", "timeout", "error")
LOSSES = ("ended", "stalled", "error")


class CameraMetrics:
    """The metrics of one camera."""

    def __init__(self, registry: CollectorRegistry, camera: str, rates: dict[str, float]) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"seccam_camera_{name}", text, ["camera", *labels], registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"seccam_camera_{name}", text, ["camera", *labels], registry=registry)

        self._up = gauge(
            "up", "1 while the source supplies usable frames, the newest less than 5 s or three of its intervals old"
        ).labels(camera)
        self.last_frame = gauge("last_frame_timestamp_seconds", "When the newest frame was captured; 0 = none yet").labels(camera)
        self.captured = counter("frames_captured", "Frames captured from the source").labels(camera)
        opens = counter("source_opens", "Attempts to open the source", "outcome")
        self.opens = {outcome: opens.labels(camera, outcome) for outcome in OPENS}
        lost = counter("source_lost", "Times the open source was lost within a slot", "cause")
        self.lost = {cause: lost.labels(camera, cause) for cause in LOSSES}
        self.encode_seconds = Histogram(
            "seccam_camera_encode_seconds",
            "Time to encode one JPEG; empty for sources that supply JPEGs",
            buckets=WORK,
            registry=registry,
        )
        published = counter("frames_published", "Frames written to the broker's socket", "topic")
        self.published = {topic: published.labels(camera, topic) for topic in TOPICS}
        sent = counter("published_bytes", "JPEG bytes written to the broker's socket", "topic")
        self.published_bytes = {topic: sent.labels(camera, topic) for topic in TOPICS}
        dropped = counter("frames_dropped", "Frames that were due but not published", "topic", "reason")
        self.dropped = {(topic, reason): dropped.labels(camera, topic, reason) for topic in TOPICS for reason in DROPS}
        age = Histogram(
            "seccam_camera_frame_age_seconds",
            "Age of a frame when it is published",
            ["camera", "topic"],
            buckets=AGE,
            registry=registry,
        )
        self.age = {topic: age.labels(camera, topic) for topic in TOPICS}
        is_open = gauge("schedule_open", "1 while the topic's time slot is open", "topic")
        self._open = {topic: is_open.labels(camera, topic) for topic in TOPICS}
        change = gauge(
            "schedule_next_change_timestamp_seconds", "When the topic's time slot next opens or closes; +Inf = never", "topic"
        )
        self._change = {topic: change.labels(camera, topic) for topic in TOPICS}
        target = gauge("target_rate_hertz", "Configured frames per second of the topic", "topic")
        for topic in TOPICS:
            target.labels(camera, topic).set(rates[topic])

    def bind_up(self, up: Callable[[], bool]) -> None:
        """Evaluate this for the gauge `up` at each scrape, so that a reader that hangs can't leave it at 1."""
        self._up.set_function(lambda: float(up()))

    def set_slot(self, topic: str, slot: Slot) -> None:
        """Show a topic's current slot."""
        self._open[topic].set(slot.open)
        self._change[topic].set(slot.until.timestamp() if slot.until else float("inf"))
