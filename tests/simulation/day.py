"""One day: what happens, what goes wrong, and what has to hold in the end."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from unittest import mock

import structlog

from seccam import topology
from seccam.topology import FRAME_TTL_MS
from seccam_notifier import dispatcher, handover, lane, notifier
from seccam_security import service
from tests.simulation.clock import MIDNIGHT, Clock
from tests.simulation.network import OUTBOX, TWICE, Broker
from tests.simulation.programs import Eyes, NotifierHost, Phone, Sent, WorkerHost
from tests.simulation.scene import DAY, GAP, TrueVisit, visits

#: Share of the cameras whose clock is an hour wrong, and seconds that other clocks are off.
WRONG_CLOCK, OFF = 0.1, 0.05
#: Shares of the frames that are lost on the way, and that wait in the queue, for seconds.
LOST, LATE = 0.02, 0.03
#: Seconds that times in events may differ from the truth: a camera with a wrong clock counts from its first frame's arrival.
TOLERANCE = 10.0


@dataclass(frozen=True)
class Day:
    """What a day came to."""

    seed: int
    visits: int
    frames: int
    events: int
    shown: int
    #: Notifications that came again because nobody could know that they had come.
    doubled: int
    outbox: int
    faults: Counter[str]
    #: What did not hold, a line each.
    broken: list[str]


class Simulation:
    """A day with so many cameras and workers."""

    def __init__(self, seed: int, cameras: int, workers: int) -> None:
        self.seed, self.random, self.clock = seed, Random(seed), Clock()
        self.broker = Broker(self.clock, self.random)
        self.phone = Phone(self.random, self.broker)
        self.eyes = Eyes(self.clock)
        self.frames = 0
        self.visits = [visit for number in range(cameras) for visit in visits(f"camera{number}", self.random)]
        self.workers = [
            WorkerHost(f"worker{number}", self.clock, self.broker, self.eyes, self.random.uniform(-OFF, OFF))
            for number in range(workers)
        ]
        self.notifier = NotifierHost(self.clock, self.broker, self.phone)
        self.broker.on_event = self.notifier.work

    def run(self) -> Day:
        """Let the day happen, and look at what came of it."""
        for camera, its_visits in itertools.groupby(self.visits, lambda visit: visit.camera):
            wrong = self.random.random() < WRONG_CLOCK
            skew = self.random.choice([-3600, 3600]) if wrong else self.random.uniform(-OFF, OFF)
            self._film(camera, list(its_visits), skew)
        self._break()
        self.clock.run()
        return Day(
            self.seed,
            len(self.visits),
            self.frames,
            len(self.broker.confirmed),
            len(self.phone.shown),
            len(self.phone.shown) - len(set(self.phone.shown)),
            max(host.link.most for host in self.workers),
            self.broker.faults,
            list(self._broken()),
        )

    def _film(self, camera: str, its_visits: list[TrueVisit], skew: float) -> None:
        numbers = itertools.count(1)
        for visit in its_visits:
            for taken, faces in visit.frames(self.random):
                headers = {"camera": camera, "seq": next(numbers), "boot_id": "c1", "ts_ms": round((taken + skew) * 1000)}
                sent = Sent(visit, taken, faces, topology.key(topology.SECURITY, camera), headers)
                waits = self.random.expovariate(0.5) if self.random.random() < LATE else 0.0
                if waits < FRAME_TTL_MS / 1000:  # else the queue drops it
                    self.clock.at(taken + self.random.uniform(0.01, 0.1) + waits, lambda sent=sent: self._arrive(sent))  # type: ignore[misc]

    def _arrive(self, sent: Sent) -> None:
        if not self.broker.is_up or self.broker.happens("frame lost", LOST):
            return
        self.frames += 1
        self.random.choice(self.workers).take(sent)
        if self.broker.happens("frame delivered twice", TWICE):
            self.random.choice(self.workers).take(
                Sent(sent.visit, sent.taken, sent.faces, sent.key, sent.headers, redelivered=True)
            )

    def _break(self) -> None:
        """Faults, most of them while somebody is there."""

        def moments(count: int) -> Iterator[float]:
            for _ in range(count):
                visit = self.random.choice(self.visits)
                busy = self.random.uniform(visit.began - 1, visit.ended + 1)
                yield busy if self.random.random() < 0.8 else MIDNIGHT + self.random.uniform(0, DAY)

        for at in moments(4):
            self.clock.at(at, lambda: self.broker.outage(self.random.choice([0.5, 5, 30, self.random.uniform(30, 300)])))
        for at in moments(6):
            self.clock.at(at, self.notifier.kill)
        for at in moments(3):
            self.clock.at(at, self._lose_phone)
        for number, at in enumerate(moments(2 * len(self.workers))):
            host = self.workers[number % len(self.workers)]
            self.clock.at(at, host.stop if number % 3 else host.start)
            self.broker.faults["worker stopped" if number % 3 else "worker killed"] += 1

    def _lose_phone(self) -> None:
        self.phone.is_up = False
        self.broker.faults["IFTTT outage"] += 1

        def back() -> None:
            self.phone.is_up = True

        self.clock.after(self.random.choice([5, 60, 600]), back)

    def _broken(self) -> Iterator[str]:
        """What does not hold."""
        yield from (f"analysed {age:.2f} s after capture" for age in self.eyes.too_old)
        if (most := max(host.link.most for host in self.workers)) > OUTBOX or self.broker.faults["outbox full"]:
            yield f"{most} events waited in an outbox"
        if left := [host for host in self.workers if host.link.unconfirmed()]:
            yield f"{len(left)} workers have events that are not confirmed"
        ended = {entry.id for entry in self.broker.journal if entry.outcome in ("notified", "suppressed", "parked")}
        if lost := self.broker.confirmed - ended:
            yield f"{len(lost)} confirmed events without an end, such as {min(lost)}"
        times = {entry.id: entry.time.timestamp() for entry in self.broker.journal if entry.type == "seccam.face"}
        told, excused = self._told(), Counter(self.phone.unknown)
        parked = [entry.id for entry in self.broker.journal if entry.outcome == "parked" and entry.id in times]

        def of(visit: TrueVisit, events: list[str]) -> list[str]:
            latest = visit.ended + TOLERANCE
            return [one for one in events if one.startswith(f"{visit.camera}-") and visit.began - 1 <= times[one] <= latest]

        for visit in self.visits:
            near = of(visit, told)
            if visit.found and not near and not of(visit, parked):
                yield f"no notification of the visit at {visit.camera}, {visit.began:.0f} to {visit.ended:.0f}"
            allowed = _most(visit) + sum(excused[one] for one in set(near))
            if len(near) > allowed:
                yield f"{len(near)} instead of {allowed} notifications of the visit at {visit.camera}, {visit.began:.0f}"

    def _told(self) -> list[str]:
        """Ids of the events that were shown, each as often as it was, and of those that a shown one summed up."""
        summed = {entry.id for entry in self.broker.journal if entry.outcome == "notified"} - set(self.phone.shown)
        return [*self.phone.shown, *summed]


def _most(visit: TrueVisit) -> int:
    """Notifications that a visit may have: one, and one more whenever more faces come; after a time that nobody saw, once more."""
    times = sorted(taken for taken, _ in visit.found)
    parts = 1 + sum(later - earlier > GAP - TOLERANCE for earlier, later in itertools.pairwise(times))
    return parts * max((faces for _, faces in visit.found), default=1)


@contextmanager
def simulated(clock: Clock) -> Iterator[None]:
    """The programs' clocks are this one, and they log nothing."""
    quiet = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with ExitStack() as stack:
        for program in (service, notifier, dispatcher, lane, handover):
            stack.enter_context(mock.patch.object(program, "time", clock))
            if hasattr(program, "log"):
                stack.enter_context(mock.patch.object(program, "log", quiet))
        for program in (notifier, dispatcher):
            stack.enter_context(mock.patch.object(program, "datetime", clock))
        yield


def simulate(seed: int, *, cameras: int, workers: int = 64) -> Day:
    """A day with this seed."""
    day = Simulation(seed, cameras, workers)
    with simulated(day.clock):
        return day.run()
