"""The broker, and the ends of its connections, with faults by chance."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from seccam import topology
from seccam.backoff import Backoff
from seccam.broker import Message, Receipt
from seccam.broker.publisher import TRY_AGAIN
from seccam_notifier.memory import JournalEntry
from seccam_notifier.received import ReceivedMessage
from tests.simulation.clock import Clock

#: Shares of the messages that are lost if they may be, whose confirm is lost, and that are delivered twice.
LOST, UNCONFIRMED, TWICE = 0.02, 0.01, 0.01
#: Events that a worker keeps until they are confirmed.
OUTBOX = 100


@dataclass
class Broker:
    """The queues."""

    clock: Clock
    random: Random
    is_up: bool = True
    events: deque[ReceivedMessage] = field(default_factory=deque)
    parked: list[ReceivedMessage] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    #: Ids of the events that it has confirmed, and how often each fault came.
    confirmed: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    #: Called when there may be something for the notifier.
    on_event: Callable[[], None] = lambda: None

    def put(self, message: Message) -> None:
        """A message for the events queue; some are late or come twice."""
        received = ReceivedMessage.of(message.body, message.message_id or "", message.headers)
        for _ in range(2 if self.happens("delivered twice", TWICE) else 1):
            self.clock.after(self.random.choice([0.0, 0.001, self.random.expovariate(2)]), lambda: self._arrive(received))

    def happens(self, fault: str, share: float) -> bool:
        """Whether it happens now; it is counted."""
        happened = self.random.random() < share
        self.faults[fault] += happened
        return happened

    def outage(self, seconds: float) -> None:
        """The broker is away."""
        self.is_up = False
        self.faults["broker outage"] += 1

        def back() -> None:
            self.is_up = True
            self.on_event()

        self.clock.after(seconds, back)

    def _arrive(self, received: ReceivedMessage) -> None:
        self.events.append(received)
        self.on_event()


class WorkerLink:
    """A worker's publisher; its outbox is on disk and outlives the process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._outbox: dict[str, tuple[Message, Backoff]] = {}
        self.most = 0

    def unconfirmed(self) -> int:
        """As Publisher's."""
        return len(self._outbox)

    def publish_latest(self, _slot: str, message: Message) -> None:
        """As Publisher's. Detections are for the page only."""
        broker = self._broker
        if message.key.startswith(topology.PRESENCE) and broker.is_up and not broker.happens("presence lost", LOST):
            broker.put(message)

    def publish_durable(self, message: Message) -> Receipt | None:
        """As Publisher's."""
        if len(self._outbox) >= OUTBOX:
            self._broker.faults["outbox full"] += 1
            return None
        # a report of faces that have gone may have the id of the one before
        entry = f"{message.message_id} {message.kind}"
        self._outbox[entry] = message, Backoff(*TRY_AGAIN)
        self.most = max(self.most, len(self._outbox))
        self._try(entry)
        return Receipt()

    def _try(self, entry: str) -> None:
        message, backoff = self._outbox[entry]
        broker = self._broker
        if broker.is_up:
            broker.put(message)
            if not broker.happens("confirm lost", UNCONFIRMED):
                broker.confirmed.add(message.message_id or "")
                del self._outbox[entry]
                return
        broker.clock.after(backoff.next_delay(), lambda: self._try(entry))


class NotifierLink:
    """The notifier's publisher: it sends events to delay queues and the parked queue."""

    connected, blocked = True, False

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def publish_durable(self, message: Message) -> Receipt:
        """As Publisher's; confirmed at once."""
        if message.key == topology.PARKED_QUEUE:
            self._broker.parked.append(ReceivedMessage.of(message.body, message.message_id or "", message.headers))
        else:
            self._broker.clock.after((message.expires_ms or 0) / 1000, lambda: self._broker.put(message))
        receipt = Receipt()
        receipt.answered.set()
        receipt.confirmed.set()
        return receipt

    def withdraw(self, _receipt: Receipt | None) -> None:
        """As Publisher's; everything was confirmed."""
