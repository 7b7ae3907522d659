"""Reading a stream, against a model of RabbitMQ's streams."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from seccam.broker import Consumer, Delivery, StreamReader, Subscription

REPLAYED = 5


@dataclass
class Message:
    """A delivery from a stream."""

    id: int
    headers: Mapping[str, Any]
    acked: bool = False

    @property
    def body(self) -> bytes:
        return b"%d" % self.id

    def ack(self) -> None:
        self.acked = True


@dataclass
class Stream:
    """What the broker keeps: (id, whether its headers can be read) by offset, in chunks."""

    messages: list[tuple[int, bool]] = field(default_factory=list)
    #: Offset of the first message of each chunk.
    chunks: list[int] = field(default_factory=list)
    #: Offset of the first message that retention has left.
    first: int = 0

    def start(self, spec: object) -> int:
        """The offset of the first delivery; one that doesn't exist is clamped."""
        if spec == "last":
            return max(self.first, self.chunks[-1]) if self.chunks else 0
        return max(self.first, min(spec, len(self.messages))) if isinstance(spec, int) else self.first

    def delivery(self, offset: int) -> Message:
        identity, readable = self.messages[offset]
        return Message(identity, {"x-stream-offset": offset} if readable else {})


class Connection:
    """A consumer of one stream, whose thread runs when the test says so."""

    def __init__(self, stream: Stream, subscription: Subscription) -> None:
        self.stream = stream
        self._wanted = [subscription]
        self._next: dict[Subscription, int] = {}
        self._pending: dict[Subscription, list[Message]] = {}
        self._later: list[Callable[[], None]] = []
        self.delivered = 0

    def add(self, subscription: Subscription) -> None:
        assert subscription not in self._next, "its channel is still open: nothing would be subscribed"
        self._wanted.append(subscription)

    def remove(self, subscription: Subscription) -> None:
        self._wanted.remove(subscription)

    def soon(self, call: Callable[[], None], after: float = 0.0) -> None:
        self._later.append(call)

    def cut(self) -> None:
        """The connection is lost, and with it what was to be called in it."""
        self._next.clear()
        self._pending.clear()
        self._later.clear()

    def wait(self) -> None:
        """Time passes, until nothing more happens."""
        self.run()
        while self._later:
            self._later.pop(0)()
            self.run()

    def run(self) -> None:
        """Subscribe and deliver, until nothing more comes."""
        while self._turn():
            assert len(self._wanted) == 1, "one subscription at a time"

    def _turn(self) -> bool:
        for subscription in [s for s in self._next if s not in self._wanted]:
            del self._next[subscription], self._pending[subscription]
        for subscription in [s for s in self._wanted if s not in self._next]:
            self._next[subscription] = self.stream.start(subscription.consume()["x-stream-offset"])
            self._pending[subscription] = []
        arrived: deque[tuple[Subscription, Message]] = deque()
        for subscription in self._next:
            unacked = self._pending[subscription] = [m for m in self._pending[subscription] if not m.acked]
            while len(unacked) < subscription.prefetch and self._next[subscription] < len(self.stream.messages):
                unacked.append(self.stream.delivery(self._next[subscription]))
                arrived.append((subscription, unacked[-1]))
                self._next[subscription] += 1
        for subscription, message in arrived:
            self.delivered += 1
            subscription.handle(cast("Delivery", message))
        return bool(arrived) or self._wanted != list(self._next)


class Reading(RuleBasedStateMachine):
    """Whatever happens, each message is handled, and twice only where the stream's end isn't known."""

    #: Messages that are read at the start; None: all.
    last: int | None = REPLAYED

    def __init__(self) -> None:
        super().__init__()
        self.handled = Counter[int]()
        self.reader = StreamReader("seccam.events.log", self._handle, last=self.last)
        self.connection = Connection(Stream(), self.reader.subscription)
        self.reader.attach(cast("Consumer", self.connection))
        self.published = 0
        self.cuts = 0
        #: Whether the reader has read this stream, and the first message since.
        self.began, self.due = False, 0
        self.exact = True

    def _handle(self, delivery: Delivery) -> None:
        self.handled[cast("Message", delivery).id] += 1

    @rule(readable=st.lists(st.sampled_from([True, True, True, False]), min_size=1, max_size=4))
    def publish(self, readable: list[bool]) -> None:
        """One chunk."""
        stream = self.connection.stream
        stream.chunks.append(len(stream.messages))
        for one in readable:
            stream.messages.append((self.published, one))
            self.published += 1
            self.exact = self.exact and one

    @rule()
    def read(self) -> None:
        self.connection.run()

    @rule()
    def reconnect(self) -> None:
        self.connection.cut()
        self.cuts += 1

    @rule(kept=st.integers(0, 3))
    def expire(self, kept: int) -> None:
        """Retention removes what was read; never the chunk that is written."""
        self.connection.wait()
        stream = self.connection.stream
        stream.first = max(stream.first, min(len(stream.messages) - kept, stream.chunks[-1] if stream.chunks else 0), 0)

    @precondition(lambda self: self.connection.stream.messages)
    @rule()
    def declare_anew(self) -> None:
        """The queue is deleted, with all that was in it, and consumers are cancelled."""
        self.connection.stream = Stream()
        self.connection.cut()
        self.began = False
        self.exact = False

    @rule()
    def wait(self) -> None:
        """Everything that was published is handled: the last messages of before the start, and all since."""
        self.connection.wait()
        wanted = [identity for identity, _ in self.connection.stream.messages[self.connection.stream.first :]]
        wanted = wanted if self.last is None else wanted[-self.last :]
        assert all(self.handled[identity] for identity in wanted)
        if self.began:
            assert all(self.handled[identity] for identity in range(self.due, self.published))
        self.began, self.due = bool(wanted), self.published

    @invariant()
    def nothing_is_handled_or_delivered_again(self) -> None:
        if self.exact:
            assert all(count == 1 for count in self.handled.values())
            # besides: one to find the end, and one for each start of the reader, which tells that it is the same stream
            assert self.connection.delivered <= len(self.handled) + 2 + self.cuts * 2


class ReadingAll(Reading):
    """The same for a reader of the whole stream."""

    last = None


TestReading = Reading.TestCase
TestReadingAll = ReadingAll.TestCase
