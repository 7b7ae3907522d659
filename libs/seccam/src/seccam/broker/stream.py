"""Reading a stream once, from its first message to its last."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator

import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from seccam import logs
from seccam.broker.connection import PIKA_ERRORS, TURN, connect, translated, why_closed
from seccam.broker.publisher import Message, Publisher
from seccam.errors import BrokerError
from seccam.settings import BrokerSettings

log = logs.get(__name__)

#: Unacknowledged messages that the broker may send ahead.
PREFETCH = 200
#: Seconds without a message after which a stream counts as read, if it takes no writes.
SILENCE = 5.0


class MissingStream(BrokerError):  # noqa: N818  # as in seccam.errors
    """The broker has no stream of this name."""


def read_stream(settings: BrokerSettings, name: str, queue: str, publisher: Publisher, take: Callable[[bytes], None]) -> None:
    """Call `take` with the body of each message in the stream, oldest first.

    To find the end, `publisher` publishes a mark, which is then read back. If the stream takes no writes, it counts as read
    after SILENCE seconds without a message. Raises MissingStream and BrokerError.
    """
    with _channel(settings, f"{name} {queue}") as (connection, channel):
        arrived = deque[tuple[int, bytes]]()
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(
            queue,
            lambda _channel, method, _properties, body: arrived.append((method.delivery_tag, body)),
            arguments={"x-stream-offset": "first"},
        )
        mark = b'{"mark": "%s"}' % uuid.uuid4().hex.encode()
        publisher.publish_durable(Message("", mark, "application/json", queue=queue))
        last = time.monotonic()
        while time.monotonic() - last < SILENCE:
            connection.process_data_events(TURN)
            while arrived:
                tag, body = arrived.popleft()
                if body == mark:
                    return
                take(body)
                channel.basic_ack(tag)
                last = time.monotonic()
            if not channel.is_open:
                raise why_closed(channel)
        log.warning("stream_takes_no_writes", queue=queue, meaning="entries may be missing")


@contextlib.contextmanager
def _channel(settings: BrokerSettings, name: str) -> Iterator[tuple[BlockingConnection, BlockingChannel]]:
    connection = connect(settings, name)
    try:
        yield connection, connection.channel()
    except pika.exceptions.ChannelClosedByBroker as e:
        if e.reply_code == 404:
            raise MissingStream("closed", e.reply_text) from None
        raise translated(e) from None
    except PIKA_ERRORS as e:
        raise translated(e) from None
    finally:
        with contextlib.suppress(*PIKA_ERRORS):
            connection.close()
