"""Publishes the events that a camera is offline or back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from seccam import logs, topology
from seccam.broker import Message, Publisher, Receipt, event_message, probe_message
from seccam.message import CAMERA_OFFLINE, CameraEvent, probe_event
from seccam_monitor.ingest.cameras import Cameras
from seccam_monitor.ingest.outages import Outages, Signs
from seccam_monitor.metrics import Metrics

log = logs.get(__name__)


class OutageReports:
    """What is published of the outages.

    Before a camera is reported as offline, the broker has to confirm a probe: a connection that is cut may look open for half a
    minute, and a broker with an alarm takes no frames.
    """

    def __init__(
        self,
        outages: Outages,
        cameras: Cameras,
        metrics: Metrics,
        publisher: Publisher,
        *,
        away: float,
        watched: Collection[str],
    ) -> None:
        """`away`: seconds without a picture after which a camera is away; `watched`: cameras that are expected from the start."""
        self._outages, self._cameras, self._metrics, self._publisher = outages, cameras, metrics, publisher
        self._away, self._watched = away, watched
        self._probe: Receipt | None = None

    def report(self, *, connected: bool, wall: float, monotonic: float) -> None:
        """Publish what is new; `connected`: whether frames can arrive. Called about once a second."""
        if not connected or not self._publisher.connected or self._publisher.blocked:
            self._outages.pause()
            self._end_probe()
            return
        signs = [Signs.of(camera, self._away, wall, watched=camera.name in self._watched) for camera in self._cameras]
        news = self._outages.news(signs, wall=wall, monotonic=monotonic)
        is_proven = self._is_way_proven() if any(event.type == CAMERA_OFFLINE for event in news) else False
        for event in news:
            if is_proven or event.type != CAMERA_OFFLINE:
                self._publish(event)
        if is_proven or not news:
            self._end_probe()
        for camera in self._cameras:
            self._metrics.camera(camera.name).offline.set(self._outages.is_offline(camera.name))

    def _is_way_proven(self) -> bool:
        if self._probe is None:
            self._probe = self._publisher.publish_durable(_of_monitor(probe_message(probe_event("monitor"))))
        return self._probe is not None and self._probe.confirmed.is_set()

    def _end_probe(self) -> None:
        if self._probe:
            self._publisher.withdraw(self._probe)
            self._probe = None

    def _publish(self, event: CameraEvent) -> None:
        if self._publisher.publish_durable(_of_monitor(event_message(event))):  # otherwise the next call tries again
            self._outages.take(event)
            log.info("camera_reported", type=event.type, event_id=event.id, camera=event.camera, why=event.data.why)


def _of_monitor(message: Message) -> Message:
    """The message as a monitor may publish it."""
    return replace(message, exchange=topology.MONITORS_EXCHANGE)
