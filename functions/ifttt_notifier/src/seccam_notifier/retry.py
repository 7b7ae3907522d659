"""When to try again: the delays between attempts, and the breaker that saves calls to a server that fails. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from seccam import topology

#: Delay queues by the seconds that an event waits in each, shortest first.
DELAY_QUEUES = {ttl_ms // 1000: queue for queue, ttl_ms in sorted(topology.RETRY_QUEUES.items(), key=lambda item: item[1])}

#: The names alone.
DELAYS = tuple(DELAY_QUEUES.values())


def delay_name(seconds: int) -> str:
    """A delay as metrics and logs name it: `10s`, `1m`, `10m`."""
    return DELAY_QUEUES[seconds].rpartition(".")[2]


def retry_delay(attempt: int, retry_after: float | None, *, outage: bool) -> int:
    """Seconds until the next attempt, one of DELAY_QUEUES.

    `attempt` counts the calls for this event before this one; `retry_after` is what the other side asked for, in seconds.
    In an `outage` no call succeeds, so it is not the event's fault: the breaker spares calls, and the event waits in the
    shortest queue, to be sent soon after the outage.
    """
    by_attempt = 10 if outage or attempt < 3 else 60 if attempt < 8 else 600
    wanted = max(by_attempt, retry_after or 0)
    return next((delay for delay in DELAY_QUEUES if delay >= wanted), max(DELAY_QUEUES))


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or a date (RFC 9110, 10.2.3); None if it says neither."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds())


class Breaker:
    """Opens after LIMIT failures in a row; while it is open, one trial call is allowed every SECONDS."""

    LIMIT, SECONDS = 5, 10.0

    def __init__(self) -> None:
        self._failures, self._failed_at = 0, 0.0

    @property
    def outage(self) -> bool:
        """Whether several calls in a row have failed, so that no single event is the reason."""
        return self._failures > 1

    @property
    def open(self) -> bool:
        """Whether calls are saved."""
        return self._failures >= self.LIMIT

    def allows(self, now: float) -> bool:
        """Whether a call may be made; `now` is monotonic seconds."""
        return not self.open or now - self._failed_at >= self.SECONDS

    def failed(self, now: float) -> None:
        """A call failed in a way that is worth another attempt."""
        self._failures += 1
        self._failed_at = now

    def answered(self) -> None:
        """The other side answered."""
        self._failures = 0
