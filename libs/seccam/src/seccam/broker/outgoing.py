"""Messages as they are published: their addresses, properties and headers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.data

from seccam import logs, topology
from seccam.message import CONTENT_TYPE, AnyEvent, CommandEvent, ProbeEvent

log = logs.get(__name__)

#: Bytes of headers that are passed on with a message. With ours they must fit in one frame (128 KiB), or the broker
#: closes the connection.
MAX_HEADERS = 64 * 1024
#: Headers of dead-lettered messages. A broker before 4.0 drops a message whose headers name the queue that it returns to.
DEATH_HEADERS = ("x-death", "x-first-death", "x-last-death", "x-delivery-count")


@dataclass(frozen=True)
class Message:
    """A message to publish to an exchange with a routing key; with the default exchange, the key is a queue's name."""

    key: str
    body: bytes
    content_type: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    #: CloudEvents type of an event, for its metric.
    kind: str | None = None
    exchange: str = topology.EXCHANGE
    #: Milliseconds after which the broker takes it out of its queue; None: as the queue's policy says.
    expires_ms: int | None = None
    #: Whether, once it is confirmed, a copy goes to the exchange of copies, without a confirm.
    copied: bool = False

    @property
    def destination(self) -> tuple[str, str]:
        """Exchange and routing key."""
        return self.exchange, self.key


def event_message(event: AnyEvent, **headers: str) -> Message:
    """An event for the notifier, with a copy for the page and MQTT clients."""
    return Message(
        topology.key(topology.EVENTS, event.camera),
        event.encode(),
        CONTENT_TYPE,
        {"camera": event.camera, **headers},
        event.id,
        event.type,
        exchange=topology.EVENTS_EXCHANGE,
        copied=True,
    )


def probe_message(probe: ProbeEvent) -> Message:
    """A probe, for the notifier alone."""
    key = topology.key(topology.EVENTS, "probe")
    return Message(key, probe.encode(), CONTENT_TYPE, {}, probe.id, probe.type, exchange=topology.EVENTS_EXCHANGE)


def command_message(command: CommandEvent) -> Message:
    """A command, for the notifier alone; its key says where it comes from, for which its sender has the right."""
    key = topology.key(topology.COMMAND, command.data.origin)
    return Message(key, command.encode(), CONTENT_TYPE, {}, command.id, command.type, exchange=topology.COMMANDS_EXCHANGE)


def properties_of(message: Message, *, durable: bool) -> pika.BasicProperties:
    """The message's properties. A durable message is sent without its id and headers if AMQP can't hold them."""
    always: dict[str, Any] = {
        "content_type": message.content_type,
        "delivery_mode": 2 if durable else 1,
        "timestamp": int(time.time()),
    }
    if message.expires_ms is not None:
        always["expiration"] = str(message.expires_ms)
    properties = pika.BasicProperties(**always, headers=dict(message.headers) or None, message_id=message.message_id)
    if durable:
        try:
            properties.encode()
        except Exception as e:  # noqa: BLE001  # pika raises many types, and none may stop the other messages
            log.error("message_properties_dropped", to=message.destination[1], error=type(e).__name__)  # noqa: TRY400  # its text may hold anything
            return pika.BasicProperties(**always)
    return properties


def sendable_headers(headers: Mapping[Any, Any]) -> dict[str, str | int | bool]:
    """The headers of a received message that can be passed on: those that pika can encode, up to MAX_HEADERS bytes.

    Headers of dead letters are left out.
    """
    kept: dict[str, str | int | bool] = {}
    room = MAX_HEADERS
    for name, given in headers.items():
        key, value = _decoded(name), _decoded(given)
        if isinstance(key, str) and isinstance(value, str | int) and not key.startswith(DEATH_HEADERS):
            with contextlib.suppress(Exception):  # a name too long, a number too large, a lone surrogate, …
                size = pika.data.encode_table([], {key: value})
                if size <= room:
                    kept[key], room = value, room - size
    return kept


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
