"""What a channel is, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from seccam_notifier.notification import Notification

Result = Literal["2xx", "401", "4xx", "429", "5xx", "timeout", "network", "tls"]
#: Results that are worth another attempt, and the metrics' word for why.
_RETRIED = {"429": "rate_limited", "5xx": "server", "timeout": "timeout", "network": "network", "tls": "network"}


@dataclass(frozen=True)
class Answer:
    """What came of sending a notification."""

    result: Result
    #: Seconds that the other side asks to wait.
    retry_after: float | None = None
    #: More about the result, without any secret.
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the notification was taken."""
        return self.result == "2xx"

    @property
    def retry_cause(self) -> str | None:
        """Why another attempt is worth it; None if none is."""
        return _RETRIED.get(self.result)


class Channel(Protocol):
    """A way to a person: a service that notifications are sent to."""

    @property
    def name(self) -> str:
        """Label of the channel's metrics."""

    def send(self, notification: Notification) -> Answer:
        """Send it, once. Returns within bounded time and raises nothing that holds a secret."""
