"""A message as it came from the events queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seccam.broker import Message, sendable_headers
from seccam.message import ATTEMPT_HEADER, CONTENT_TYPE, REPLAYED_HEADER


@dataclass(frozen=True)
class ReceivedMessage:
    """A message to be judged, and to be sent on as it came."""

    body: bytes
    message_id: str = ""
    headers: Mapping[str, str | int | bool] = field(default_factory=dict)

    @classmethod
    def of(cls, body: bytes, message_id: str, headers: Mapping[Any, Any]) -> ReceivedMessage:
        """The message, with an id and headers that AMQP can hold; others are left out."""
        return cls(body, message_id.encode("ascii", "replace").decode()[:128], sendable_headers(headers))

    @property
    def attempt(self) -> int:
        """How often it was sent to a delay queue before."""
        count = self.headers.get(ATTEMPT_HEADER, 0)
        return count if isinstance(count, int) and 0 <= count < 1_000_000 else 0

    @property
    def replayed(self) -> bool:
        """Whether an operator sent it again."""
        return REPLAYED_HEADER in self.headers

    def to(self, queue: str, message_id: str, headers: Mapping[str, str | int]) -> Message:
        """The same message for another queue, with these headers, too."""
        return Message("", self.body, CONTENT_TYPE, {**self.headers, **headers}, message_id, queue=queue)
