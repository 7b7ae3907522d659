"""The faults that can happen to a house."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from seccam import topology
from seccam_notifier.retry import DELAYS
from tests.faults import injections
from tests.faults.house import House
from tests.servers import ifttt
from tests.servers.ifttt import Answer
from tests.waiting import eventually

#: Seconds that a fault lasts: usually, and where nobody notices it at once.
BRIEF, LONG = (3.0, 15.0), (20.0, 45.0)


@dataclass(frozen=True)
class Fault:
    """What can happen to a house."""

    inject: Callable[[House], AbstractContextManager[None]]
    #: Least and most seconds.
    lasts: tuple[float, float] = BRIEF
    #: Whether an event in hand may be told once more.
    doubles: bool = False


@contextmanager
def ifttt_answers(house: House, answer: Answer) -> Iterator[None]:
    """IFTTT answers every call like this."""
    house.row.phone.answer(answer)
    yield
    house.row.phone.recover()


@contextmanager
def answer_lost(house: House) -> Iterator[None]:
    """IFTTT accepts a call, and its answer is lost."""
    house.row.phone.server.script.append(house.row.phone.accept_silently)
    yield


@contextmanager
def cut(house: House, part: str) -> Iterator[None]:
    """Nothing passes between the part and the broker, and neither is told."""
    house.cuts[part].freeze()
    yield
    house.cuts[part].open()


@contextmanager
def full(house: House) -> Iterator[None]:
    """The events queue is full, because the notifier is away."""
    with house.broker.policy(topology.EVENTS_QUEUE, max_length=20), house.ended("notifier", signal.SIGTERM):
        yield


@contextmanager
def delivered_again(house: House) -> Iterator[None]:
    """The last events come once more."""
    with house.broker.connection() as connection:
        for one in house.row.load.confirmed()[-20:]:
            connection.channel().basic_publish("", topology.EVENTS_QUEUE, one.event.encode())
    yield


@contextmanager
def without_delay_queue(house: House) -> Iterator[None]:
    """The shortest delay queue is gone; it held nothing."""
    queue = DELAYS[0]
    eventually(lambda: house.broker.depth(queue) == 0, within=60, every=0.5, what=f"{queue} empty")
    with injections.without(house.broker, queue):
        yield


def hangs(part: str, *, doubles: bool = False) -> Fault:
    """SIGSTOP."""
    return Fault(lambda house: injections.frozen(house.pids()[part]), LONG, doubles)


def dies(part: str, number: signal.Signals = signal.SIGKILL, *, doubles: bool = False) -> Fault:
    """A signal that ends the part, and a supervisor that starts it again."""
    return Fault(lambda house: house.ended(part, number), doubles=doubles)


FAULTS: dict[str, Fault] = {
    "broker kill -9": Fault(lambda house: injections.killed(house.broker)),
    "broker stop and start": Fault(lambda house: injections.stopped(house.broker)),
    "broker SIGSTOP": hangs("broker"),
    "memory alarm": Fault(lambda house: injections.alarm(house.broker, "memory"), LONG),
    "disk alarm": Fault(lambda house: injections.alarm(house.broker, "disk"), LONG),
    "binding removed": Fault(lambda house: injections.unbound(house.broker)),
    "exchange deleted": Fault(lambda house: injections.without_exchange(house.broker)),
    "delay queue deleted": Fault(without_delay_queue),
    "events queue full": Fault(full),
    "journal hangs": Fault(lambda house: house.broker.hanging(topology.JOURNAL), LONG),
    "log of events hangs": Fault(lambda house: house.broker.hanging(topology.EVENTS_LOG), LONG),
    "notifier kill -9": dies("notifier", doubles=True),
    "notifier SIGTERM": dies("notifier", signal.SIGTERM),
    "notifier SIGSTOP": hangs("notifier", doubles=True),
    "notifier cut off silently": Fault(lambda house: cut(house, "notifier"), LONG),
    "duplicate delivery": Fault(delivered_again),
    "IFTTT 500": Fault(lambda house: ifttt_answers(house, ifttt.status(500))),
    "IFTTT 429": Fault(lambda house: ifttt_answers(house, ifttt.status(429, Retry_After="5"))),
    "IFTTT 401": Fault(lambda house: ifttt_answers(house, ifttt.status(401))),
    "IFTTT hangs": Fault(lambda house: ifttt_answers(house, ifttt.hang)),
    "IFTTT resets": Fault(lambda house: ifttt_answers(house, ifttt.reset)),
    "IFTTT accepts, the answer is lost": Fault(answer_lost, doubles=True),
    "worker kill -9": dies("worker 1"),
    "worker SIGTERM": dies("worker 2", signal.SIGTERM),
    "worker SIGSTOP": hangs("worker 1"),
    "worker cut off silently": Fault(lambda house: cut(house, "worker 2"), LONG),
    "camera kill -9": dies("camera front"),
    "camera SIGSTOP": hangs("camera yard"),
    "monitor kill -9": dies("monitor"),
    "monitor SIGSTOP": hangs("monitor"),
}
