"""The real worker and the real notifier, in simulated time and with simulated ends of their connections."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import numpy as np
import simplejpeg
from prometheus_client import CollectorRegistry

from seccam.broker import Delivery, Publisher
from seccam.frame import Frame, FrameDecoder
from seccam.settings import VisitSettings
from seccam_notifier.channels import Answer
from seccam_notifier.journal import Journal
from seccam_notifier.memory import JournalEntry
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.mode import Modes
from seccam_notifier.notification import Notification, Writer
from seccam_notifier.notifier import Notifier
from seccam_notifier.settings import NotifierSettings
from seccam_security.analysis import Analysis, Analyst
from seccam_security.detectors import Detector
from seccam_security.faces import Face
from seccam_security.metrics import SecurityMetrics
from seccam_security.service import Worker
from seccam_security.settings import SecuritySettings
from tests.simulation.clock import Clock
from tests.simulation.network import Broker, NotifierLink, WorkerLink
from tests.simulation.scene import GAP, TrueVisit

PICTURE = bytes(simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8)))
VISITS = VisitSettings(gap_seconds=GAP)
#: Seconds between capture and the end of the analysis above which a frame is too old, and what clocks that are set may be off.
TOO_OLD, OFF = 2.0, 0.2
#: Shares of calls that are accepted without an answer, and of events at which the notifier dies.
UNANSWERED, DEADLY = 0.01, 0.005


@dataclass
class Sent:
    """A frame on its way to a worker."""

    visit: TrueVisit
    taken: float
    faces: int
    key: str
    headers: dict[str, Any]
    wall: float = 0.0
    monotonic: float = 0.0
    redelivered: bool = False
    body: bytes = PICTURE

    def ack(self) -> None:
        """As Delivery's."""


class Eyes:
    """Stands in for the analyst: sees what is there. Remembers frames that were too old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: Of all workers, as making them takes longer than a simulated hour.
        self.metrics = SecurityMetrics(CollectorRegistry(), cast(Detector, _NoDetector()))
        self.current: Sent | None = None
        self.too_old: list[float] = []

    def analyse(self, _frame: Frame, _memory: object, _now: float) -> Analysis:
        """As Analyst's."""
        sent = self.current
        assert sent is not None
        age = self._clock.true - sent.taken
        if age > TOO_OLD + OFF and abs(sent.headers["ts_ms"] / 1000 - sent.taken) < OFF:
            self.too_old.append(age)
        if sent.faces:
            sent.visit.found.append((sent.taken, sent.faces))
        return Analysis(True, [Face((i, 0, 1, 1), 0.9) for i in range(sent.faces)], None, [], math.inf, {})


class WorkerHost:
    """The machine that a worker runs on. Its disk keeps the events that are not confirmed."""

    def __init__(self, name: str, clock: Clock, broker: Broker, eyes: Eyes, skew: float) -> None:
        self._name, self._clock, self._eyes, self._skew = name, clock, eyes, skew
        self.link = WorkerLink(broker)
        self._looks = False
        self.start()

    def start(self) -> None:
        """A new process."""
        self._worker = Worker(
            SecuritySettings(probe_interval_seconds=0, covered_seconds=0, frozen_seconds=0, worker=self._name),
            VISITS,
            cast(Analyst, self._eyes),
            FrameDecoder("5eed"),
            publisher=cast(Publisher, self.link),
            metrics=self._eyes.metrics,
        )

    def stop(self) -> None:
        """SIGTERM, and a new process."""
        self._clock.skew = self._skew
        self._worker._close()
        self.start()

    def take(self, sent: Sent) -> None:
        """A frame arrives."""
        self._clock.skew = self._skew
        sent.wall, sent.monotonic = self._clock.time(), self._clock.monotonic()
        self._eyes.current = sent
        self._worker.subscription().handle(cast(Delivery, sent))
        self._worker.run_once()
        if not self._looks:
            self._looks = True
            self._clock.after(GAP / 3 + 1.5, self._look)

    def _look(self) -> None:
        """What the worker does every second, at the time when it matters."""
        self._clock.skew, self._looks = self._skew, False
        self._worker._check_leaving()


class _NoDetector:
    name, model = "none", "none"


class Killed(BaseException):
    """SIGKILL."""


@dataclass
class Phone:
    """IFTTT, and what arrives at the phone."""

    random: Random
    broker: Broker
    is_up: bool = True
    name: str = "simulated"
    is_read_by_people: bool = True
    seconds: float = 15.0
    #: The id of the event that is handled, and of those that were shown, in order.
    event_id: str = ""
    shown: list[str] = field(default_factory=list)
    #: Ids of events that may be shown once more: nobody could know that they were.
    unknown: list[str] = field(default_factory=list)

    def send(self, _notification: Notification) -> Answer:
        """As Channel's."""
        self._die("killed before the call")
        if not self.is_up:
            return Answer(self.random.choice(["5xx", "timeout", "network"]))
        self.shown.append(self.event_id)
        if self.broker.happens("call without an answer", UNANSWERED):
            self.unknown.append(self.event_id)
            return Answer("timeout")
        if self.broker.happens("killed between the call and its record", DEADLY):
            self.unknown.append(self.event_id)
            raise Killed
        return Answer("2xx")

    def _die(self, when: str) -> None:
        if self.broker.happens(when, DEADLY):
            raise Killed


def at_once(_name: str, call: Callable[[], Answer]) -> Future[Answer]:
    """Make a channel's call here and now."""
    answer: Future[Answer] = Future()
    answer.set_result(call())
    return answer


class NotifierHost:
    """Restarts the notifier when it dies, and gives it one event after another."""

    #: Seconds that an event takes, and that a restart takes at most.
    EVENT, RESTART = 0.02, 20.0

    def __init__(self, clock: Clock, broker: Broker, phone: Phone) -> None:
        self._clock, self._broker, self._phone = clock, broker, phone
        self._is_up, self._is_busy = True, False
        self._start()

    # of a Journal, which is always written
    is_read = True

    def catch_up(self) -> None:
        """As Journal's; there is no other notifier."""

    def write(self, entry: JournalEntry, *, wait: bool) -> bool:
        """As Journal's."""
        self._broker.journal.append(entry)
        return True

    def kill(self) -> None:
        """The process dies between two events."""
        self._broker.faults["notifier killed"] += 1
        self._restart()

    def work(self) -> None:
        """Handle the next event, if there is one."""
        if self._is_up and self._broker.is_up and self._broker.events and not self._is_busy:
            self._is_busy = True
            self._clock.after(self.EVENT, self._handle)

    def _handle(self) -> None:
        self._is_busy = False
        if not (self._is_up and self._broker.is_up and self._broker.events):
            return
        self._clock.skew = 0.0
        received = self._broker.events.popleft()
        self._phone.event_id = received.message_id
        try:
            self._notifier.handle(received)
        except Killed:
            self._broker.events.appendleft(received)
            self._restart()
        self.work()

    def _restart(self) -> None:
        self._is_up = False

        def back() -> None:
            self._is_up = True
            self._start()
            self.work()

        self._clock.after(self._phone.random.uniform(0.5, self.RESTART), back)

    def _start(self) -> None:
        metrics = NotifierMetrics(CollectorRegistry(), [self._phone.name])
        link = cast(Publisher, NotifierLink(self._broker))
        self._notifier = Notifier(
            VISITS,
            channels=[self._phone],
            max_per_minute=NotifierSettings().max_per_minute,
            writer=Writer(),
            publisher=link,
            journal=cast(Journal, self),
            modes=Modes(),
            metrics=metrics,
            start=at_once,
        )
        for entry in self._broker.journal:
            self._notifier.remember(entry)
