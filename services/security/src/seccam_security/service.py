"""The worker: takes security frames from the shared queue, has them analysed one at a time, and reports what was found."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict

from seccam import logs, message, topology
from seccam.broker import Consumer, Delivery, Publisher, Subscription, probe_message
from seccam.errors import BadFrame
from seccam.frame import Frame, FrameDecoder
from seccam.metrics import MAX_CAMERAS
from seccam.service import STOP_SECONDS
from seccam.settings import VisitSettings
from seccam_security import reports
from seccam_security.analysis import Analysis, Analyst
from seccam_security.inbox import MOST_WAITING, Inbox
from seccam_security.metrics import NO_CAMERA, STATES, SecurityMetrics
from seccam_security.presence import Presence, Report
from seccam_security.reports import Times
from seccam_security.settings import SecuritySettings
from seccam_security.sight import Look
from seccam_security.watched import Watched

log = logs.get(__name__)

#: Cameras that a worker remembers; the one not seen for longest is forgotten first.
MOST_CAMERAS = 2 * MAX_CAMERAS
#: Seconds that one frame may take before the worker counts as hung.
MOST_SECONDS = 60.0
#: Seconds that the thread of a broker connection may be silent before it counts as hung.
MOST_SILENCE = 10.0
#: Seconds that an event may wait for its confirm before the worker counts as not ready.
MOST_UNCONFIRMED = 10.0
#: Seconds between two checks for the end of the service, while there is no frame.
_TURN = 0.2
#: Seconds between two checks for cameras whose faces have gone.
_LEAVING_EVERY = 1.0


class Worker:
    """One security worker."""

    def __init__(
        self,
        settings: SecuritySettings,
        visits: VisitSettings,
        analyst: Analyst,
        decoder: FrameDecoder,
        *,
        publisher: Publisher,
        metrics: SecurityMetrics,
    ) -> None:
        self._settings, self._visits, self._analyst, self._decoder = settings, visits, analyst, decoder
        self._publisher, self._metrics = publisher, metrics
        self._name, self._slow = settings.worker_name, frozenset(settings.slow_camera_names)
        self._inbox = Inbox(self._replaced)
        self._watched: OrderedDict[str, Watched] = OrderedDict()
        self._began: float | None = None
        self._checked_leaving = time.monotonic()
        metrics.probe_interval.set(settings.probe_interval_seconds)
        self._next_probe = time.monotonic() if settings.probe_interval_seconds else math.inf

    def subscription(self) -> Subscription:
        """The shared queue; the connection's thread only hands over."""
        return Subscription(self._inbox.put, queue=topology.SECURITY_QUEUE, prefetch=MOST_WAITING)

    def busy_for(self) -> float:
        """Seconds since work on the current frame began; 0 if there is none."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def run(self, stop: threading.Event) -> None:
        """Work until the service stops; the current frame is finished."""
        while not stop.is_set():
            self.run_once()
        self._close()

    def run_once(self) -> None:
        """Wait briefly for a frame, and do everything that it calls for."""
        self._check_leaving()
        self._probe()
        taken = self._inbox.take(_TURN)
        if taken is None:
            return
        delivery, replaced = taken
        self._began = time.monotonic()
        try:
            self._take(delivery, replaced)
        finally:
            self._metrics.busy.inc(self.busy_for())
            self._began = None
        delivery.ack()

    def _close(self) -> None:
        """Report how long the faces in sight were seen; frames that still wait go back to the broker."""
        for watched in self._watched.values():
            self._publish_presence(watched, *watched.presence.close())
        while taken := self._inbox.take(0):
            self._count_dropped(taken.delivery, "shutdown")

    def _replaced(self, delivery: Delivery) -> None:
        self._count_dropped(delivery, "replaced")
        delivery.ack()

    def _count_dropped(self, delivery: Delivery, reason: str) -> None:
        label = self._label(delivery.key)
        self._metrics.received.labels(label).inc()
        self._metrics.dropped.labels(label, reason).inc()

    def _check_leaving(self) -> None:
        """Report GONE for cameras whose frames have stopped."""
        if time.monotonic() - self._checked_leaving < _LEAVING_EVERY:
            return
        self._checked_leaving = time.monotonic()
        now = time.time()
        for watched in self._watched.values():
            self._publish_presence(watched, *watched.presence.leave(now, gap=self._visits.gap_seconds))

    def _probe(self) -> None:
        """Show the notifier that events reach it, if it is time to; not while another one waits to be confirmed."""
        if time.monotonic() >= self._next_probe:
            self._next_probe = time.monotonic() + self._settings.probe_interval_seconds
            if not self._publisher.unconfirmed():
                self._publisher.publish_durable(probe_message(message.probe_event(self._name)))

    def _take(self, delivery: Delivery, replaced: int) -> None:
        label = self._label(delivery.key)
        self._metrics.received.labels(label).inc()
        try:
            reason = self._handle(delivery, replaced, label)
        except BadFrame as e:
            log.debug("frame_refused", key=delivery.key[:80], error=str(e))
            reason = e.reason
        except Exception as e:  # noqa: BLE001  # libraries in C decode hostile pictures, and can raise anything
            log.error("frame_failed", key=delivery.key[:80], error=logs.place(e))  # noqa: TRY400  # a trace may hold a secret
            reason = "bug"
        if reason:
            self._metrics.dropped.labels(label, reason).inc()

    def _label(self, key: str) -> str:
        return self._metrics.label(topology.camera_of(topology.SECURITY, key) or NO_CAMERA)

    def _handle(self, delivery: Delivery, replaced: int, label: str) -> str | None:
        """Analyse a frame that `replaced` others, and report on it; the reason if it is dropped instead. Raises BadFrame."""
        if delivery.redelivered:
            return "redelivered"  # it may be what ended the worker that had it before
        frame = self._decoder.decode(topology.SECURITY, delivery.key, delivery.headers, delivery.body)
        watched = self._watch(frame.camera)
        watched.dropped += replaced
        age = watched.ages.age(frame.boot_id, frame.ts_ms, wall=delivery.wall, monotonic=delivery.monotonic)
        if age.future:
            self._metrics.future.labels(label).inc()
        age_taken = age.seconds + time.monotonic() - delivery.monotonic
        if not age.untimed:
            self._metrics.age_taken.observe(age_taken)
        if age_taken > self._settings.max_age_seconds:
            watched.dropped += 1
            return "stale"
        analysis = self._analyst.analyse(frame, watched.memory, time.monotonic())
        age_done = age.seconds + time.monotonic() - delivery.monotonic
        self._count(analysis, label, None if age.untimed else age_done)
        self._show(frame, watched, analysis)
        times = Times(delivery.wall, age, age_done)
        self._report(frame, watched, analysis, times)
        self._report_sight(frame, watched, analysis, times)
        return None

    def _watch(self, camera: str) -> Watched:
        watched = self._watched.setdefault(camera, Watched(camera))
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

    def _show(self, frame: Frame, watched: Watched, analysis: Analysis) -> None:
        """Publish the faces for the page, also where nothing moved, so that their boxes stay; once when they are gone.

        And whether frames were dropped, so that the page can say so.
        """
        watched.analysed += 1
        if analysis.faces or watched.shown or watched.dropped:
            detection = reports.detection(frame, analysis, self._name, analysed=watched.analysed, dropped=watched.dropped)
            self._publisher.publish_latest(detection.key, detection)
            watched.analysed = watched.dropped = 0
        watched.shown = len(analysis.faces)

    def _report(self, frame: Frame, watched: Watched, analysis: Analysis, times: Times) -> None:
        """Publish what the frame says of a visit; where there is no room for the event, the next frame tries again."""
        faces = len(analysis.faces)
        report, after = watched.presence.see(
            faces,
            times.taken,
            analysed=analysis.analysed,
            gap=self._visits.gap_seconds,
            reminder=self._visits.reminder_seconds,
        )
        if faces:
            watched.last_seen, watched.last_faces = reports.identity(frame), faces
        if report is None or not report.is_news:
            self._publish_presence(watched, report, after)
            return
        assert after.visit is not None
        agreed = watched.presence.agreed(faces)
        event = reports.face_event(
            frame,
            analysis,
            times,
            after.visit,
            agreed=agreed,
            worker=self._name,
            snapshot_width=self._settings.snapshot_width if self._settings.snapshot else 0,
        )
        if not self._publisher.publish_durable(event):
            return
        watched.presence = after
        self._metrics.reports.labels(self._metrics.label(frame.camera), report.value).inc()
        log.info(
            "faces_reported",
            report=report.value,
            event_id=event.message_id,
            trace_id=frame.trace_id,
            camera=frame.camera,
            faces=faces,
            scores=[round(face.score, 2) for face in analysis.faces],
            age_ms=round(times.done * 1000),
            steps={step: round(seconds * 1000, 1) for step, seconds in analysis.steps.items()},
        )

    def _report_sight(self, frame: Frame, watched: Watched, analysis: Analysis, times: Times) -> None:
        """Publish whether the camera can see, if that is news; where there is no room for the event, the next frame tries again."""
        covered, frozen = self._settings.covered_seconds, self._settings.frozen_seconds
        slow = frame.camera in self._slow
        if not (covered or frozen) or (self._decoder.has_numbered(frame) and not slow):
            return
        look = Look(times.taken, frame.boot_id, frame.seq, analysis.detail, hash(frame.jpeg))
        change, after = watched.sight.see(look, covered=covered, frozen=frozen, slow=slow)
        if change:
            event = reports.camera_event(frame, change)
            if not self._publisher.publish_durable(event):
                return
            state = STATES[change.state]
            self._metrics.states.labels(self._metrics.label(frame.camera), state).inc()
            log.info("camera_reported", state=state, event_id=event.message_id, camera=frame.camera, detail=round(look.detail, 2))
        watched.sight = after

    def _publish_presence(self, watched: Watched, report: Report | None, after: Presence) -> None:
        """Publish that faces are still there (the next such report may replace it), or that they have gone."""
        if report is not None:
            assert after.visit is not None
            assert watched.last_seen is not None
            present = report is Report.PRESENT
            event = reports.presence_event(
                after.visit, watched.name, watched.last_seen, present=present, faces=watched.last_faces, worker=self._name
            )
            if present:
                self._publisher.publish_latest(event.key, event)
            elif not self._publisher.publish_durable(event):
                return
            self._metrics.reports.labels(self._metrics.label(watched.name), report.value).inc()
        watched.presence = after


def live(worker: Worker, consumer: Consumer, publisher: Publisher) -> dict[str, str]:
    """The checks of /healthz that fail: a thread hangs."""
    busy = worker.busy_for()
    return {
        **consumer.heartbeat.silent("consumer", MOST_SILENCE),
        **publisher.heartbeat.silent("publisher", MOST_SILENCE),
        **({"frame": f"being analysed for {busy:.0f} s"} if busy > MOST_SECONDS else {}),
    }


def ready(worker: Worker, consumer: Consumer, publisher: Publisher) -> dict[str, str]:
    """The checks of /readyz that fail: a thread hangs, no frames come, or no event is confirmed."""
    waiting = publisher.oldest_unconfirmed()
    return {
        **live(worker, consumer, publisher),
        **consumer.trouble(),
        **({"events": f"unconfirmed for {waiting:.0f} s"} if waiting > MOST_UNCONFIRMED else {}),
    }


def serve(worker: Worker, consumer: Consumer, publisher: Publisher, stop: threading.Event) -> None:
    """Connect and work until the service stops; then acknowledge the last frame and wait for outstanding confirms."""
    publisher.start()
    consumer.start()
    worker.run(stop)
    deadline = time.monotonic() + STOP_SECONDS
    flushed = threading.Event()
    consumer.soon(flushed.set)  # behind the last acknowledgement, in the same thread
    flushed.wait(1.0 if consumer.connected else 0.0)
    consumer.stop(1.0)
    publisher.stop(deadline - time.monotonic())
