"""Subscribes to everything that the page shows: view frames, statuses, detections, events and what became of these.

Everything here runs in the connection's thread and must be quick. A Listener hands the news to the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from seccam import logs, topology
from seccam.broker import CatchAllRouter, Consumer, Delivery, StreamReader, Subscription
from seccam.errors import BadFrame, BadMessage
from seccam.frame import Frame, FrameDecoder
from seccam.message import (
    AnyEvent,
    CameraEvent,
    Detection,
    EventOutcome,
    FaceEvent,
    Found,
    PresenceData,
    PresenceEvent,
    Status,
    decode_event,
)
from seccam.metrics import MAX_CAMERAS
from seccam_monitor.ingest.cameras import Camera, Cameras
from seccam_monitor.ingest.outages import Outages
from seccam_monitor.ingest.status import LastStatus
from seccam_monitor.ingest.visits import Change, VisitList
from seccam_monitor.ingest.workload import Workload
from seccam_monitor.metrics import Metrics

log = logs.get(__name__)

M = TypeVar("M", Status, Detection, PresenceEvent, AnyEvent)

#: Arguments of the queue for frames of cameras that have no queue of their own.
_UNWATCHED = {**topology.NEWEST_ONLY, "x-max-length": 2 * MAX_CAMERAS}
#: Messages of the stream of events that are read at the start. Each worker publishes several for each visit.
EVENTS_AT_START = 400
#: Entries of the notifier's journal that are read at the start. An event has one for each channel, and each report that a visit
#: goes on has one.
OUTCOMES_AT_START = 5000
#: Largest entry of the journal that is read, bytes: it has an id, a channel's name and a few times.
MAX_OUTCOME_BYTES = 4096
#: Frames per second that are read although they are refused: their camera has no valid name, or too many are known. The
#: broker drops the rest, so a client that keeps sending them doesn't keep the monitor busy.
_REFUSED_PER_SECOND = 100


class Listener(Protocol):
    """Takes the news; called from the broker's thread."""

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture."""

    def on_status(self) -> None:
        """A camera has changed its state, or is new."""

    def on_faces(self, detection: Detection, captured: float) -> None:
        """A worker has analysed a frame captured at `captured` (monotonic seconds)."""

    def on_visit(self, change: Change) -> None:
        """A row of the list of visits is new or has changed."""


class Intake:
    """The subscriptions and their handlers."""

    def __init__(
        self, cameras: Cameras, visits: VisitList, metrics: Metrics, listener: Listener, boot_id: str, *, outages: Outages
    ) -> None:
        self._cameras, self._visits, self._metrics, self._listener, self._outages = cameras, visits, metrics, listener, outages
        self._decoder = FrameDecoder(boot_id)
        self._router = CatchAllRouter(topology.every(topology.VIEW), f"{topology.ROUTERS}.{boot_id}")
        self._consumer: Consumer | None = None
        self._views: dict[str, Subscription] = {}
        self._events = StreamReader(topology.EVENTS_LOG, self._on_event, last=EVENTS_AT_START, required=False)
        self._outcomes = StreamReader(topology.JOURNAL, self._on_outcome, last=OUTCOMES_AT_START, prefetch=200, required=False)
        self.workload = Workload()
        self._refusals = logs.Throttle()
        #: Number of frames refused in the current second, and when it began.
        self._refused, self._second = 0, float("-inf")

    def subscriptions(self) -> list[Subscription]:
        """The subscriptions to begin with."""
        return [
            Subscription(self._on_status, keys=(topology.every(topology.STATUS),), arguments=topology.SHORT_NEWS, prefetch=20),
            Subscription(self._on_faces, keys=(topology.every(topology.FACES),), arguments=topology.SHORT_NEWS, prefetch=20),
            Subscription(self._on_presence, keys=(topology.every(topology.PRESENCE),), arguments=topology.SHORT_NEWS, prefetch=20),
            Subscription(self._on_unwatched, router=self._router, arguments=_UNWATCHED),
            self._events.subscription,
            self._outcomes.subscription,
            *(self._view(camera) for camera in self._cameras),
        ]

    def attach(self, consumer: Consumer) -> None:
        """Use this consumer, which has the subscriptions already; those of new cameras are added to it."""
        self._consumer = consumer
        self._events.attach(consumer)
        self._outcomes.attach(consumer)

    @property
    def has_events(self) -> bool:
        """Whether new visits can be received."""
        return self._events.is_reading

    def forget(self, now: float) -> None:
        """Forget discovered cameras that have been silent for long; from any thread, and only while connected.

        This happens in the connection's thread, where cameras are discovered, so a camera that returns at the same moment
        isn't half forgotten.
        """
        if self._consumer and self._consumer.connected:
            self._consumer.soon(lambda: self._forget(now))

    def _forget(self, now: float) -> None:
        for camera in self._cameras.forget(now):
            log.info("camera_forgotten", camera=camera.name)
            subscription = self._views.pop(camera.name, None)
            if subscription and self._consumer:
                self._consumer.remove(subscription)

    def _view(self, camera: Camera) -> Subscription:
        key = topology.key(topology.VIEW, camera.name)
        subscription = Subscription(self._on_view, keys=(key,), router=self._router, arguments=topology.NEWEST_ONLY)
        self._views[camera.name] = subscription
        return subscription

    def _find(self, name: str, now: float) -> Camera | None:
        """The camera with this name, subscribed to if it is new; None if too many are known."""
        camera = self._cameras.get(name)
        if camera is None and (camera := self._cameras.find(name, now)) is not None:
            log.info("camera_found", camera=name)
            if self._consumer:
                self._consumer.add(self._view(camera))
            self._listener.on_status()
        return camera

    def _on_view(self, delivery: Delivery) -> None:
        name = topology.camera_of(topology.VIEW, delivery.key)
        camera = self._cameras.get(name or "")
        if camera:  # otherwise it has just been forgotten
            self._metrics.camera(camera.name).received.inc()
            frame = self._frame(delivery)
            if frame:
                self._show(camera, frame, delivery)
        delivery.ack()

    def _on_unwatched(self, delivery: Delivery) -> None:
        """A frame of a camera that has no queue of its own yet: give it one."""
        frame = self._frame(delivery)
        camera = self._find(frame.camera, delivery.monotonic) if frame else None
        self._metrics.camera(camera.name if camera else None).received.inc()
        if frame and camera:
            self._show(camera, frame, delivery)
            delivery.ack()
            return
        if frame:
            self._metrics.camera(None).dropped["unknown_camera"].inc()
        if self._consumer:
            self._consumer.soon(delivery.ack, after=self._pause(delivery.monotonic))

    def _pause(self, now: float) -> float:
        """Seconds to wait before the next frame, after a refused one."""
        if now - self._second >= 1:
            self._refused, self._second = 0, now
        self._refused += 1
        return 0.0 if self._refused < _REFUSED_PER_SECOND else self._second + 1 - now

    def _frame(self, delivery: Delivery) -> Frame | None:
        try:
            return self._decoder.decode(topology.VIEW, delivery.key, delivery.headers, delivery.body)
        except BadFrame as e:
            name = topology.camera_of(topology.VIEW, delivery.key)
            known = name if name and self._cameras.get(name) else None
            self._metrics.camera(known).dropped[e.reason].inc()
            log.debug("frame_refused", camera=name, error=str(e))
            return None

    def _show(self, camera: Camera, frame: Frame, delivery: Delivery) -> None:
        metrics = self._metrics.camera(camera.name)
        picture, age = camera.take_frame(frame, wall=delivery.wall, monotonic=delivery.monotonic)
        if picture is None:
            metrics.dropped["stale"].inc()
            return
        metrics.arrived(age, delivery.wall)
        self._listener.on_picture(camera)

    def _on_status(self, delivery: Delivery) -> None:
        delivery.ack()
        said = self._decoded(Status.decode, delivery, topology.STATUS)
        if said is None:
            return
        camera = self._find(said.camera, delivery.monotonic)
        if camera is None:
            return
        before, last = camera.last_status, LastStatus(said, delivery.monotonic)
        camera.take_status(last)
        if before is None or (before.status.state, before.closed, before.until) != (said.state, last.closed, last.until):
            self._listener.on_status()

    def _on_faces(self, delivery: Delivery) -> None:
        delivery.ack()
        detection = self._decoded(Detection.decode, delivery, topology.FACES)
        if detection and self._cameras.get(detection.camera):
            self.workload.add(detection.analysed, detection.dropped, delivery.monotonic)
            self._listener.on_faces(detection, self._captured(detection, delivery) or delivery.monotonic)

    def _on_event(self, delivery: Delivery) -> None:
        event = self._decoded(decode_event, delivery, topology.EVENTS)
        if isinstance(event, FaceEvent | PresenceEvent):
            self._add(event, delivery)
        elif isinstance(event, CameraEvent):
            self._outages.hear(event)

    def _on_outcome(self, delivery: Delivery) -> None:
        if len(delivery.body) > MAX_OUTCOME_BYTES:
            return
        try:
            outcome = EventOutcome.decode(delivery.body)
        except BadMessage:  # one of the notifier's marks, or an entry of an old version
            return
        change = self._visits.learn(outcome)
        if change:
            self._listener.on_visit(change)

    def _on_presence(self, delivery: Delivery) -> None:
        delivery.ack()
        event = self._decoded(PresenceEvent.decode, delivery, topology.PRESENCE)
        if event:
            self._add(event, delivery)

    def _add(self, event: FaceEvent | PresenceEvent, delivery: Delivery) -> None:
        captured = self._captured(event.data, delivery)
        if captured is None:
            captured = delivery.monotonic - (delivery.wall - event.time.timestamp())
        change = self._visits.add(event, captured=captured, published=delivery.timestamp)
        if change:
            self._listener.on_visit(change)

    def _captured(self, seen: Found | PresenceData, delivery: Delivery) -> float | None:
        """When the frame was captured, in monotonic seconds; None if the camera's clock isn't known."""
        camera = self._cameras.get(seen.camera)
        since = camera.clock.since(seen.frame.boot_id, seen.frame.ts_ms, wall=delivery.wall) if camera else None
        return delivery.monotonic - since if since is not None else None

    def _decoded(self, decode: Callable[[bytes], M], delivery: Delivery, flow: str) -> M | None:
        """The message; None if it can't be read or names another camera than its topic, for which the sender has the rights."""
        try:
            message = decode(delivery.body)
        except BadMessage as e:
            self._refuse(delivery, flow, str(e))
            return None
        if message.camera != topology.camera_of(flow, delivery.key):
            self._refuse(delivery, flow, f"it names another camera, {message.camera}")
            return None
        return message

    def _refuse(self, delivery: Delivery, flow: str, error: str) -> None:
        self._metrics.refused[flow].inc()
        if self._refusals.allows(flow):
            log.warning("message_refused", key=delivery.key, error=error, counted_in="seccam_monitor_messages_refused_total")
