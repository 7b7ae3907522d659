"""A message as it came from the events queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seccam import topology
from seccam.broker import Message, sendable_headers
from seccam.message import (
    ATTEMPT_HEADER,
    CHANNELS_HEADER,
    CONTENT_TYPE,
    COPY_HEADER,
    REPLAYED_HEADER,
    SUPPRESSED_HEADER,
    AnyEvent,
    CommandEvent,
)
from seccam_notifier.memory import WHYS, Why


@dataclass(frozen=True)
class ReceivedMessage:
    """A message to be judged, and to be sent on as it came."""

    body: bytes
    message_id: str = ""
    headers: Mapping[str, str | int | bool] = field(default_factory=dict)
    #: The routing key it was published with; None if it isn't known.
    key: str | None = None

    @classmethod
    def of(cls, body: bytes, message_id: str, headers: Mapping[Any, Any], key: str | None = None) -> ReceivedMessage:
        """The message, with an id and headers that AMQP can hold; others are left out."""
        return cls(body, message_id.encode("ascii", "replace").decode()[:128], sendable_headers(headers), key)

    @property
    def is_forged(self) -> bool:
        """Whether somebody without the right to publish events has sent it.

        RabbitMQ 3.10 checks the rights to a message's routing key, and routes it by its headers CC and BCC as well.
        """
        flows = (topology.EVENTS, topology.PRESENCE)
        known = self.key in (None, topology.EVENTS_QUEUE) or self.is_command
        return not known and not any(topology.camera_of(flow, self.key or "") for flow in flows)

    @property
    def is_command(self) -> bool:
        """Whether it came under a key of commands."""
        return self.is_order or (self.key or "").startswith(f"{topology.COMMAND}.")

    @property
    def is_order(self) -> bool:
        """Whether an MQTT client has sent it as a command."""
        return self.key == topology.COMMAND

    def may_be(self, event: AnyEvent) -> bool:
        """Whether who has the right to its key may publish this event: workers give no commands, others report no faces."""
        if self.key in (None, topology.EVENTS_QUEUE):
            return True
        if not isinstance(event, CommandEvent):
            return not self.is_command
        return self.key == (topology.COMMAND if event.data.origin == "mqtt" else topology.key(topology.COMMAND, event.data.origin))

    @property
    def attempt(self) -> int:
        """How many calls were made for it before."""
        count = self.headers.get(ATTEMPT_HEADER, 0)
        return count if isinstance(count, int) and 0 <= count < 1_000_000 else 0

    @property
    def channels(self) -> list[str]:
        """The channels that it was sent again for; empty: for all."""
        named = self.headers.get(CHANNELS_HEADER)
        return [*dict.fromkeys(filter(None, named.split(",")))] if isinstance(named, str) else []

    @property
    def is_retry(self) -> bool:
        """Whether it was in a delay queue."""
        return ATTEMPT_HEADER in self.headers or self.is_suppressed

    @property
    def is_suppressed(self) -> bool:
        """Whether it was suppressed before, and that could not be recorded."""
        return SUPPRESSED_HEADER in self.headers

    @property
    def why_suppressed(self) -> Why:
        """Why it was; earlier versions knew one reason only, and don't name it."""
        why = self.headers.get(SUPPRESSED_HEADER)
        return next((one for one in WHYS if one == why), "visit")

    @property
    def is_copy(self) -> bool:
        """Whether it is the copy of an event for the page and MQTT clients."""
        return COPY_HEADER in self.headers

    @property
    def replayed(self) -> bool:
        """Whether an operator sent it again."""
        return REPLAYED_HEADER in self.headers

    def to(self, queue: str, message_id: str, headers: Mapping[str, str | int], delay: int | None = None) -> Message:
        """The same message for another queue, with these headers, too.

        It says itself how long it stays in a delay queue: at most `delay` seconds, also where a queue for longer delays
        stands in, and not for ever, should the queue lack its policy.
        """
        longest = topology.RETRY_QUEUES.get(queue)
        return Message(
            queue,
            self.body,
            CONTENT_TYPE,
            {**self.headers, **headers},
            message_id,
            exchange=topology.DEFAULT_EXCHANGE,
            expires_ms=min(longest, delay * 1000) if longest and delay else longest,
        )
