"""What a channel is, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from seccam.schedule import Schedule
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
    #: What the operator may do about a refusal.
    remedy: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the notification was taken."""
        return self.result == "2xx"

    @property
    def retry_cause(self) -> str | None:
        """Why another attempt is worth it; None if none is."""
        return _RETRIED.get(self.result)


class Channel(Protocol):
    """A way to a person, or to a program: a service that notifications are sent to."""

    @property
    def name(self) -> str:
        """Names the channel in metrics, in the journal and in the headers of retries; holds no secret."""

    @property
    def is_read_by_people(self) -> bool:
        """Whether too many notifications in a minute are told as a sum."""

    @property
    def seconds(self) -> float:
        """Seconds after which a call counts as unanswered."""

    def send(self, notification: Notification) -> Answer:
        """Send it, once. Raises nothing that holds a secret."""


def is_quiet(hours: Schedule | None) -> bool:
    """Whether a message that is sent now should make no sound; None: never."""
    return hours is not None and hours.is_open(datetime.now(UTC))
