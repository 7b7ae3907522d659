"""The worker: takes frames from the shared queue one at a time, has them analysed, and tells what was seen."""

from __future__ import annotations

import base64
import queue
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from seccam import logs, message, topology
from seccam.broker import Consumer, Delivery, Message, Publisher, Subscription
from seccam.errors import BadFrame
from seccam.frame import Frame, FrameDecoder, event_id, trace_id
from seccam.frame_age import Age, AgeEstimator
from seccam.metrics import MAX_CAMERAS
from seccam.service import STOP_SECONDS
from seccam_security.alarm import Alarm, Verdict
from seccam_security.analysis import Analysis, Analyst, Memory
from seccam_security.annotate import annotated
from seccam_security.metrics import NO_CAMERA, SecurityMetrics
from seccam_security.settings import SecuritySettings

log = logs.get(__name__)

#: Cameras that a worker keeps in mind; the one not seen for longest is forgotten first.
MOST_CAMERAS = 2 * MAX_CAMERAS
#: Seconds that one frame may take before the worker is taken for hung.
MOST_SECONDS = 60.0
#: Seconds that the thread of the consuming connection may be silent.
MOST_SILENCE = 10.0
#: Seconds that an event may wait for its confirm before the worker is no more taken for ready.
MOST_UNCONFIRMED = 10.0
#: Seconds between two looks at whether the end has come, while there is no frame.
_TURN = 0.2


@dataclass
class Watched:
    """One camera, as this worker knows it."""

    ages: AgeEstimator = field(default_factory=AgeEstimator)
    memory: Memory = field(default_factory=Memory)
    alarm: Alarm = field(default_factory=Alarm)
    #: Faces in the last detection that was published.
    shown: int = 0


class Worker:
    """One security worker."""

    def __init__(
        self, settings: SecuritySettings, analyst: Analyst, decoder: FrameDecoder, publisher: Publisher, metrics: SecurityMetrics
    ) -> None:
        self._settings, self._analyst, self._decoder = settings, analyst, decoder
        self._publisher, self._metrics = publisher, metrics
        self._name = settings.worker_name
        self._inbox: queue.Queue[Delivery] = queue.Queue()
        self._watched: OrderedDict[str, Watched] = OrderedDict()
        self._began: float | None = None

    def subscription(self) -> Subscription:
        """The shared queue; the connection's thread only hands over, one frame at a time."""
        return Subscription(self._inbox.put, queue=topology.SECURITY_QUEUE, prefetch=1)

    def busy_for(self) -> float:
        """Seconds since the frame in hand was taken up; 0 if there is none."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; a frame in hand is finished."""
        while not stop.is_set():
            self.run_once()
        self._leave()

    def run_once(self) -> None:
        """Wait a little for a frame, and do all that is to be done with it."""
        try:
            delivery = self._inbox.get(timeout=_TURN)
        except queue.Empty:
            return
        self._began = time.monotonic()
        try:
            self._take(delivery)
        finally:
            self._metrics.busy.inc(self.busy_for())
            self._began = None
        delivery.ack()

    def _leave(self) -> None:
        """Frames that came after the last one go back to the broker, unacknowledged."""
        while not self._inbox.empty():
            label = self._label(self._inbox.get().key)
            self._metrics.received.labels(label).inc()
            self._metrics.dropped.labels(label, "shutdown").inc()

    def _take(self, delivery: Delivery) -> None:
        label = self._label(delivery.key)
        self._metrics.received.labels(label).inc()
        try:
            reason = self._judge(delivery, label)
        except BadFrame as e:
            log.debug("frame_refused", key=delivery.key[:80], error=str(e))
            reason = e.reason
        if reason:
            self._metrics.dropped.labels(label, reason).inc()

    def _label(self, key: str) -> str:
        return self._metrics.label(topology.camera_of(topology.SECURITY, key) or NO_CAMERA)

    def _judge(self, delivery: Delivery, label: str) -> str | None:
        """Analyse the frame and tell of it; the reason if it is dropped instead. Raises BadFrame."""
        if delivery.redelivered:
            return "redelivered"  # it may be what ended the worker that had it before
        frame = self._decoder.decode(topology.SECURITY, delivery.key, delivery.headers, delivery.body)
        watched = self._watch(frame.camera)
        age = watched.ages.age(frame.boot_id, frame.ts_ms, wall=delivery.wall, monotonic=delivery.monotonic)
        if age.future:
            self._metrics.future.labels(label).inc()
        if not age.untimed:
            self._metrics.age_received.observe(age.seconds)
        if age.seconds + time.monotonic() - delivery.monotonic > self._settings.max_age_seconds:
            return "stale"
        analysis = self._analyst.analyse(frame, watched.memory, time.monotonic())
        age_done = age.seconds + time.monotonic() - delivery.monotonic
        self._count(analysis, label, None if age.untimed else age_done)
        self._show(frame, watched, analysis)
        if analysis.analysed:
            self._announce(frame, watched, analysis, label, Times(delivery.wall, age, age_done))
        return None

    def _watch(self, camera: str) -> Watched:
        watched = self._watched.setdefault(camera, Watched())
        self._watched.move_to_end(camera)
        if len(self._watched) > MOST_CAMERAS:
            self._watched.popitem(last=False)
        return watched

    def _count(self, analysis: Analysis, label: str, age: float | None) -> None:
        self._metrics.done.labels(label, "analysed" if analysis.analysed else "still").inc()
        if analysis.analysed:
            self._metrics.faces.labels(label).inc(len(analysis.faces))
        for step, seconds in analysis.steps.items():
            self._metrics.steps[step].observe(seconds)
        if age is not None:
            self._metrics.age_done.observe(age)

    def _detection(self, frame: Frame, analysis: Analysis) -> dict[str, object]:
        """What a detection and an event have in common."""
        return {
            "camera": frame.camera,
            "frame": message.FrameIdentity(boot_id=frame.boot_id, seq=frame.seq, ts_ms=frame.ts_ms),
            "size": (frame.width, frame.height),
            "faces": len(analysis.faces),
            "boxes": [face.box for face in analysis.faces],
            "scores": [round(face.score, 3) for face in analysis.faces],
            "worker": self._name,
        }

    def _show(self, frame: Frame, watched: Watched, analysis: Analysis) -> None:
        """Tell the page: of faces, also where nothing moved, so that their boxes stay; once when they are gone."""
        if analysis.faces or watched.shown:
            key = topology.key(topology.FACES, frame.camera)
            detection = message.Detection.model_validate(self._detection(frame, analysis))
            self._publisher.publish_latest(key, Message(key, detection.encode(), message.CONTENT_TYPE))
        watched.shown = len(analysis.faces)

    def _announce(self, frame: Frame, watched: Watched, analysis: Analysis, label: str, times: Times) -> None:
        """Publish an event if this is news; what can't be kept was not announced, and the next frame tries again."""
        verdict, after = watched.alarm.judge(len(analysis.faces), times.taken_ms() / 1000, self._settings.cooldown_seconds)
        if verdict is Verdict.ANNOUNCE and not self._publisher.publish_durable(self._event(frame, analysis, times)):
            return
        watched.alarm = after
        if verdict is Verdict.NOTHING:
            return
        self._metrics.visits.labels(label, verdict.value).inc()
        if verdict is Verdict.ANNOUNCE:
            log.info(
                "visit_announced",
                event_id=event_id(frame.camera, frame.boot_id, frame.seq),
                trace_id=trace_id(frame.camera, frame.boot_id, frame.seq),
                camera=frame.camera,
                faces=len(analysis.faces),
                scores=[round(face.score, 2) for face in analysis.faces],
                age_ms=round(times.done * 1000),
                steps={step: round(seconds * 1000, 1) for step, seconds in analysis.steps.items()},
            )

    def _event(self, frame: Frame, analysis: Analysis, times: Times) -> Message:
        snapshot = None
        if self._settings.snapshot and analysis.pixels is not None:
            picture = (0, 0, frame.width, frame.height)
            snapshot = base64.b64encode(annotated(analysis.pixels, picture, [face.box for face in analysis.faces])).decode()
        data = message.FaceData.model_validate(
            {**self._detection(frame, analysis), "zone": frame.zone, "ms": times.milliseconds(), "snapshot": snapshot}
        )
        event = message.face_event(frame, times.taken_ms(), data)
        return Message(
            topology.key(topology.EVENTS, frame.camera),
            event.encode(),
            message.CONTENT_TYPE,
            headers={"camera": frame.camera, "trace_id": trace_id(frame.camera, frame.boot_id, frame.seq)},
            message_id=event.id,
            kind=message.FACE,
        )


@dataclass(frozen=True)
class Times:
    """When a frame arrived and how old it was."""

    #: Arrival by the worker's clock, seconds since 1970.
    wall: float
    #: Age at arrival.
    age: Age
    #: Age when it was judged, seconds.
    done: float

    def taken_ms(self) -> int:
        """When it was taken, by the worker's clock: UTC milliseconds."""
        return round((self.wall - self.age.seconds) * 1000)

    def milliseconds(self) -> dict[str, int]:
        """Stages, in milliseconds after capture."""
        return {"received": round(self.age.seconds * 1000), "done": round(self.done * 1000)}


def serve(worker: Worker, consumer: Consumer, publisher: Publisher, stop: threading.Event) -> None:
    """Connect, work until the end comes, and leave nothing owed: the last frame acknowledged, events confirmed."""
    publisher.start()
    consumer.start()
    worker.run(stop)
    deadline = time.monotonic() + STOP_SECONDS
    flushed = threading.Event()
    consumer.soon(flushed.set)  # behind the last acknowledgement, in the same thread
    flushed.wait(1.0 if consumer.connected else 0.0)
    consumer.stop(1.0)
    publisher.stop(deadline - time.monotonic())
