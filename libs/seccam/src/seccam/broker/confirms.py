"""Publishing with confirms, several at a time."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import pika.spec
from pika.adapters.blocking_connection import BlockingConnection

#: What the broker says to a message: all queues have it; a queue is full; there is no queue.
Answer = Literal["confirmed", "refused", "returned"]
#: Messages per destination that may be on their way without an answer.
WINDOW = 20

Destination = tuple[str, str]


class ConfirmChannel:
    """A channel in confirm mode whose answers arrive through a callback.

    pika's BlockingChannel publishes the next message only after the answer to the last, so one queue that doesn't answer
    would hold up the messages to all others.
    """

    def __init__(self, connection: BlockingConnection, on_answer: Callable[[Any, Answer], None]) -> None:
        """`on_answer` gets the `tag` that was given to `publish`, in the connection's thread."""
        self._on_answer = on_answer
        self.channel = connection.channel()
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._count = 0
        self._by_destination: Counter[Destination] = Counter()
        # below pika's BlockingChannel, which would wait for each answer
        below = self.channel._impl
        below.add_on_return_callback(self._returned)
        below.confirm_delivery(self._answered)

    @property
    def outstanding(self) -> list[Any]:
        """Tags of the messages without an answer, oldest first."""
        return [sent.tag for sent in self._sent.values()]

    def has_room(self, destination: Destination) -> bool:
        """Whether another message may be published to this exchange and routing key."""
        return self._by_destination[destination] < WINDOW

    def publish(self, tag: Any, destination: Destination, body: bytes, properties: pika.BasicProperties) -> None:
        """Publish a mandatory message; `tag` identifies it to `on_answer`."""
        self._count += 1
        self._sent[self._count] = _Sent(tag, destination, body)
        self._by_destination[destination] += 1
        self.channel.basic_publish(*destination, body, properties, mandatory=True)

    def waiting_longest(self) -> tuple[Any, float] | None:
        """The tag of the message that has waited longest for its answer, and for how many seconds."""
        oldest = next(iter(self._sent.values()), None)
        return (oldest.tag, time.monotonic() - oldest.since) if oldest else None

    def restart_clocks(self) -> None:
        """Count the time without an answer from now on: until now the broker was not reading."""
        for sent in self._sent.values():
            sent.since = time.monotonic()

    def _returned(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        """The broker returns a message before it answers it, and doesn't say which one it was."""
        destination = (method.exchange, method.routing_key)
        for sent in self._sent.values():
            if not sent.returned and sent.destination == destination and sent.body == body:
                sent.returned = True
                return

    def _answered(self, frame: Any) -> None:
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        last = method.delivery_tag or self._count  # 0 means all
        numbers = [n for n in self._sent if n <= last] if method.multiple else [last]
        for number in numbers:
            sent = self._sent.pop(number)
            self._by_destination[sent.destination] -= 1
            self._on_answer(sent.tag, "refused" if refused else "returned" if sent.returned else "confirmed")


class _Sent:
    def __init__(self, tag: Any, destination: Destination, body: bytes) -> None:
        self.tag, self.destination, self.body = tag, destination, body
        self.returned = False
        self.since = time.monotonic()
