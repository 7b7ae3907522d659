"""The camera service: its schedules say what is wanted, a source supplies pictures, and frames go to the publisher."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from seccam import broker, jpeg, logs, message, topology
from seccam.errors import BadFrame
from seccam.frame import CONTENT_TYPE, Frame
from seccam.probes import Heartbeat
from seccam.schedule import Schedule, Slot
from seccam_camera import huffman
from seccam_camera.metrics import TOPICS, CameraMetrics
from seccam_camera.pacing import Pacer, phase
from seccam_camera.reader import OpenSource
from seccam_camera.settings import CameraSettings
from seccam_camera.sources.address import Kind
from seccam_camera.sources.base import Capture
from seccam_camera.status import State, StatusReporter
from seccam_camera.supervisor import SourceStuck, SourceSupervisor

log = logs.get(__name__)

#: Seconds between checks of the clock and the source; a device must be closed within 1 s of a slot's end.
TICK_SECONDS = 0.2
#: After this many unusable pictures in a row the camera reports them in its status.
_UNUSABLE_LIMIT = 10
#: Exit status when the reader hangs.
STUCK_STATUS = 3

_FLOWS = {"view": topology.VIEW, "security": topology.SECURITY}


class CameraService:
    """One camera."""

    def __init__(
        self,
        settings: CameraSettings,
        metrics: CameraMetrics,
        open_source: OpenSource,
        publish: Callable[[str, broker.Message], None],
    ) -> None:
        self._settings, self._metrics, self._publish = settings, metrics, publish
        self._zone = settings.tz
        self._schedules = {topic: Schedule(hours, self._zone, settings.holidays) for topic, hours in settings.hours().items()}
        self._pacers = {topic: Pacer(rate, phase(settings.name)) for topic, rate in settings.rates().items()}
        self._slots: dict[str, Slot] = {}
        self._keys = {topic: topology.key(flow, settings.name) for topic, flow in _FLOWS.items()}
        self._boot_id, self._seq = secrets.token_hex(8), 0
        self._supervisor = SourceSupervisor(open_source, self._take, metrics, settings.address.redacted)
        self._reporter = StatusReporter(settings, self._zone.key)
        self._unusable, self._unusable_reason = 0, ""
        self.heartbeat = Heartbeat()
        metrics.bind_up(lambda: self._state(time.monotonic())[0] == "live")

    def run(self, stop: threading.Event) -> int:
        """Run until `stop` is set; the process's exit status."""
        status = 0
        try:
            while not stop.is_set():
                self.run_once(datetime.now(UTC), time.monotonic())
                stop.wait(TICK_SECONDS)
        except SourceStuck as e:
            log.error("reader_stuck", error=str(e), action="exiting")  # noqa: TRY400  # a traceback adds nothing
            status = STUCK_STATUS
        self._supervisor.close(within=2.0)
        if self._slots:  # else it was stopped before its first turn, and has sent no status
            self._report(
                "away", "the camera service was stopped" if status == 0 else "its source hangs; the camera service is restarting"
            )
        return status

    def run_once(self, now: datetime, monotonic: float) -> None:
        """Update the slots, the source and the status."""
        self.heartbeat.beat()
        for topic, schedule in self._schedules.items():
            self._update_slot(topic, schedule, now)
        self._supervisor.run_once(self._wanted(), monotonic)
        self._report(*self._state(monotonic))

    def trouble(self) -> dict[str, str]:
        """The readiness check `frames`: passes outside the slots, and within them while usable frames arrive."""
        state, why = self._state(time.monotonic())
        return {} if state in ("off", "live") else {"frames": why or "none yet"}

    def sent(self, sent: broker.Message) -> None:
        """Count a message that the publisher has written to its socket."""
        topic = self._topic(sent)
        if topic:
            self._metrics.published[topic].inc()
            self._metrics.published_bytes[topic].inc(len(sent.body))
            self._metrics.age[topic].observe(max(0.0, time.time() - sent.headers["ts_ms"] / 1000))

    def dropped(self, dropped: broker.Message, reason: str) -> None:
        """Count a message that the publisher has dropped; `reason` is a metric label."""
        topic = self._topic(dropped)
        if topic:
            self._metrics.dropped[topic, reason].inc()

    def _wanted(self) -> bool:
        return any(slot.open for slot in self._slots.values())

    def _state(self, now: float) -> tuple[State, str]:
        """The camera's state and the reason for it."""
        if not self._wanted():
            return "off", "outside its time slots"
        match self._supervisor.state(now):
            case "live":
                return "away" if self._unusable_reason else "live", self._unusable_reason
            case "away":
                return "away", self._supervisor.why
            case _:
                return "starting", ""

    def _topic(self, published: broker.Message) -> str | None:
        return next((topic for topic, key in self._keys.items() if key == published.key), None)

    def _update_slot(self, topic: str, schedule: Schedule, now: datetime) -> None:
        slot = self._slots.get(topic)
        # also recomputed when the clock was set and the slot's end means nothing any more
        if slot is not None and slot.holds(now) and schedule.is_open(now) == slot.open:
            return
        slot = schedule.slot_at(now)
        log.info("slot_changed", topic=topic, open=slot.open, until=slot.until.isoformat() if slot.until else "forever")
        self._slots[topic] = slot
        self._metrics.set_slot(topic, slot)

    def _take(self, capture: Capture) -> None:
        """Publish a picture to the topics that are due; called in the reader's thread."""
        self._seq += 1
        self._metrics.captured.inc()
        self._metrics.last_frame.set(capture.wall)
        due = [topic for topic in TOPICS if self._slots[topic].open and self._pacers[topic].due(capture.monotonic)]
        if not due:
            return
        try:
            frame = self._frame(capture)
        except BadFrame as e:
            self._refuse(e, due, capture)
            return
        self._unusable, self._unusable_reason = 0, ""
        headers = frame.headers()
        for topic in due:
            self._publish(topic, broker.Message(self._keys[topic], frame.jpeg, CONTENT_TYPE, headers))

    def _frame(self, capture: Capture) -> Frame:
        if isinstance(capture.jpeg, bytes):
            data = jpeg.trim(capture.jpeg)
            header = jpeg.parse(data)
            data = huffman.with_tables(data, header)
        else:
            with self._metrics.encode_seconds.time():
                data = capture.jpeg(self._settings.quality)
            header = jpeg.parse(data)
        return Frame(
            camera=self._settings.name,
            boot_id=self._boot_id,
            seq=self._seq,
            jpeg=data,
            width=header.width,
            height=header.height,
            ts_ms=round(capture.wall * 1000),
            zone=self._zone.key,
        )

    def _refuse(self, fault: BadFrame, due: list[str], capture: Capture) -> None:
        for topic in due:
            self._metrics.dropped[topic, fault.reason].inc()
        self._unusable += 1
        if self._unusable.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … in a row
            log.warning("frame_refused", error=str(fault), in_a_row=self._unusable)
        if self._unusable >= _UNUSABLE_LIMIT:
            self._unusable_reason = f"unusable pictures: {fault}{_remedy(fault, capture, self._settings.address.kind)}"

    def _report(self, state: State, why: str) -> None:
        status = self._reporter.due(state, why, self._slots, time.time())
        if status is not None:
            key = topology.key(topology.STATUS, self._settings.name)
            self._publish("status", broker.Message(key, status.encode(), message.CONTENT_TYPE))


def _remedy(fault: BadFrame, capture: Capture, kind: Kind) -> str:
    """What to do about pictures that are too large; empty for other faults."""
    if fault.reason != "oversize":
        return ""
    smaller = "lower SECCAM_CAMERA_WIDTH and SECCAM_CAMERA_HEIGHT" if kind == "device" else "choose a smaller stream of the camera"
    return f"; {smaller}" if isinstance(capture.jpeg, bytes) else f"; {smaller}, or lower SECCAM_CAMERA_QUALITY"
