"""How many notifications a phone gets in a minute; what is over the limit waits, and is told as one sum. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque

from seccam_notifier.memory import JournalEntry

#: The time that a limit is for, seconds.
WINDOW = 60.0
#: Events that may wait to be told as a sum. Each is in a delay queue as well, so one that is forgotten here is told by itself.
MOST_WAITING = 10_000


class RateLimit:
    """At most `per_minute` notifications in any 60 s; 0: no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._sent: deque[float] = deque(maxlen=per_minute or 1)
        self._waiting: OrderedDict[str, JournalEntry] = OrderedDict()

    def allows(self, now: float) -> bool:
        """Whether one more may be sent; `now` is monotonic seconds."""
        return not self._per_minute or len(self._sent) < self._per_minute or now - self._sent[0] >= WINDOW

    def sent(self, now: float) -> None:
        """One was sent."""
        self._sent.append(now)

    def hold(self, entry: JournalEntry) -> None:
        """Keep an event that is over the limit."""
        self._waiting[entry.id] = entry
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    def release(self, event_id: str) -> None:
        """Forget an event that something became of."""
        self._waiting.pop(event_id, None)

    def waiting_beside(self, entry: JournalEntry) -> list[JournalEntry]:
        """The other events of this type that wait, oldest first: they are told together with this one."""
        return [other for other in self._waiting.values() if other.type == entry.type and other.id != entry.id]
