"""The operator's connection: declare queues, look at messages and move them. Services have no permission for any of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel

from seccam import topology
from seccam.broker.connection import NOT_FOUND, PIKA_ERRORS, connect, headers_of, text, translated
from seccam.broker.outgoing import Message, properties_of
from seccam.errors import BrokerError
from seccam.settings import BrokerSettings


class QueuedMessage:
    """A message taken from a queue. It returns there when the connection closes, unless it was marked `done`."""

    def __init__(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._channel, self._tag, self.properties = channel, method.delivery_tag, properties
        self.message_id = text(properties.message_id or "")
        self.headers = headers_of(properties)
        #: When it was published, seconds since 1970; None if its publisher didn't say.
        self.timestamp: int | None = properties.timestamp
        self.body = body

    def done(self) -> None:
        """Remove it from its queue."""
        with _translating():
            self._channel.basic_ack(self._tag)


class BrokerAdmin:
    """One connection, used in a `with` block. All methods wait for the broker and raise BrokerError."""

    def __init__(self, settings: BrokerSettings, name: str) -> None:
        self._connection = connect(settings, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.is_open:
            with _translating():
                self._connection.close()

    def declare(self, queue: str, arguments: Mapping[str, Any]) -> None:
        """Declare a durable queue; an error if it exists with other arguments."""
        with _translating():
            self._connection.channel().queue_declare(queue, durable=True, arguments=dict(arguments))

    def delete(self, queue: str) -> None:
        """Delete a queue with all its messages."""
        with _translating():
            self._connection.channel().queue_delete(queue)

    def declare_exchange(self, exchange: str, kind: str) -> None:
        """Declare a durable exchange; an error if it exists with another type."""
        with _translating():
            self._connection.channel().exchange_declare(exchange, kind, durable=True)

    def bind(self, exchange: str, queue: str, key: str) -> None:
        """Bind the queue to the exchange."""
        with _translating():
            self._connection.channel().queue_bind(queue, exchange, key)

    def forward(self, source: str, destination: str, key: str) -> None:
        """Bind an exchange, the destination, to another one."""
        with _translating():
            self._connection.channel().exchange_bind(destination, source, key)

    def unbind(self, exchange: str, queue: str, key: str) -> None:
        """Remove this binding, if there is one."""
        with _translating():
            self._connection.channel().queue_unbind(queue, exchange, key)

    def has_exchange(self, exchange: str) -> bool:
        """Whether the exchange exists."""
        return self._found(lambda channel: channel.exchange_declare(exchange, passive=True)) is not None

    def depth(self, queue: str) -> int | None:
        """Number of messages in the queue; None if it does not exist."""
        found = self._found(lambda channel: channel.queue_declare(queue, passive=True))
        return None if found is None else int(found.method.message_count)

    def take(self, queue: str, limit: int) -> Iterator[QueuedMessage]:
        """Up to `limit` messages, oldest first."""
        with _translating():
            channel = self._connection.channel()
            for _ in range(limit):
                method, properties, body = channel.basic_get(queue)
                if method is None:
                    return
                yield QueuedMessage(channel, method, properties, body)

    def arrives(self, message: Message, stream: str, seconds: float) -> bool:
        """Publish a message, and wait for one with its id in this stream."""
        with _translating():
            channel = self._connection.channel()
            arrived: list[str | None] = []

            def note(channel: Any, method: Any, properties: Any, _: bytes) -> None:
                arrived.append(properties.message_id)
                channel.basic_ack(method.delivery_tag)

            channel.basic_qos(prefetch_count=100)
            channel.basic_consume(stream, note, arguments={"x-stream-offset": "next"})
            self._publish(message.destination, message.body, properties_of(message, durable=True))
            deadline = time.monotonic() + seconds
            while message.message_id not in arrived and time.monotonic() < deadline:
                self._connection.process_data_events(0.1)
        return message.message_id in arrived

    def send(self, queue: str, held: QueuedMessage, headers: Mapping[str, Any]) -> None:
        """Publish the same message to a queue by name, with these headers; returns once the broker has confirmed it."""
        properties = pika.BasicProperties(
            content_type=held.properties.content_type, message_id=held.properties.message_id, delivery_mode=2, headers=dict(headers)
        )
        with _translating():
            self._publish((topology.DEFAULT_EXCHANGE, queue), held.body, properties)

    def _found(self, declare: Callable[[BlockingChannel], Any]) -> Any:
        """What the broker says to a passive declaration; None if there is no such thing."""
        try:
            return declare(self._connection.channel())
        except pika.exceptions.ChannelClosedByBroker as e:
            if e.reply_code == NOT_FOUND:
                return None
            raise translated(e) from None
        except PIKA_ERRORS as e:
            raise translated(e) from None

    def _publish(self, destination: tuple[str, str], body: bytes, properties: pika.BasicProperties) -> None:
        """Returns once the broker has confirmed the message. Raises BrokerError, and pika's errors."""
        exchange, key = destination
        channel = self._connection.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish(exchange, key, body, properties, mandatory=True)
        except pika.exceptions.UnroutableError:
            missing = f"exchange {exchange} has no queue for {key}" if exchange else f"queue {key} does not exist"
            raise BrokerError("closed", missing) from None
        except pika.exceptions.NackError:
            raise BrokerError("closed", f"a queue of exchange {exchange} is full" if exchange else f"queue {key} is full") from None
        channel.close()


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except PIKA_ERRORS as e:
        raise translated(e) from None
