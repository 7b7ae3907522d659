"""The journal: a stream of what became of the events, for a notifier that restarts."""

from __future__ import annotations

from collections.abc import Callable

from seccam import logs, topology
from seccam.broker import Message, Publisher, read_stream
from seccam.errors import BadMessage
from seccam.message import CONTENT_TYPE
from seccam.settings import BrokerSettings
from seccam_notifier import PROGRAM
from seccam_notifier.memory import JournalEntry
from seccam_notifier.metrics import NotifierMetrics

log = logs.get(__name__)

#: Entries that may wait to be confirmed; further ones are dropped.
LIMIT = 1000
#: Of these, the places that only entries of notifications take: presence events come in bursts after an outage.
RESERVED = 500
#: Seconds that the notifier waits for the confirm of an entry. While some entry has waited for longer, it doesn't wait.
CONFIRM_SECONDS = 1.0


class Journal:
    """Writes entries and reads them back.

    `publisher` is the journal's own: a stream that takes no writes holds up neither retries nor parking.
    """

    def __init__(self, settings: BrokerSettings, publisher: Publisher, metrics: NotifierMetrics) -> None:
        self._settings, self._publisher, self._metrics = settings, publisher, metrics
        self._stalls = logs.Throttle()
        metrics.journal_unconfirmed.set_function(publisher.unconfirmed)

    def write(self, entry: JournalEntry, *, wait: bool = False) -> None:
        """Have the entry written; with `wait`, wait for its confirm for a moment."""
        stalled = self._stalled()
        if not wait and self._publisher.unconfirmed() >= LIMIT - RESERVED:
            self._metrics.journal_dropped.inc()
            return
        confirmed = self._publisher.publish_durable(
            Message("", entry.encode(), CONTENT_TYPE, message_id=entry.id, queue=topology.JOURNAL)
        )
        if confirmed is None:
            self._metrics.journal_dropped.inc()
        elif wait and not stalled:
            stalled = not confirmed.wait(CONFIRM_SECONDS)
        if not stalled:
            if self._stalls.clear():
                log.info("journal_recovered")
        elif self._stalls.allows("stalled"):
            unconfirmed = self._publisher.unconfirmed()
            log.warning(
                "journal_stalled", queue=topology.JOURNAL, unconfirmed=unconfirmed, meaning="a restart may repeat notifications"
            )

    def read(self, take: Callable[[JournalEntry], object]) -> int:
        """Call `take` with each entry, oldest first; returns how many there are.

        Raises MissingStream if the broker has no journal, BrokerError if it can't be read.
        """
        count = 0

        def decode(body: bytes) -> None:
            nonlocal count
            try:
                take(JournalEntry.decode(body))
                count += 1
            except BadMessage:  # the mark of an earlier reader, or nothing of ours
                return

        read_stream(self._settings, PROGRAM, topology.JOURNAL, self._publisher, decode)
        return count

    def _stalled(self) -> bool:
        return self._publisher.oldest_unconfirmed() > CONFIRM_SECONDS
