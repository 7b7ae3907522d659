"""The journal: a stream of what became of the events, for a notifier that restarts or stands by."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

from seccam import logs, topology
from seccam.broker import Consumer, Delivery, Message, Publisher, Receipt, StreamReader
from seccam.errors import BadMessage
from seccam.message import CONTENT_TYPE
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings
from seccam_notifier import PROGRAM
from seccam_notifier.memory import JournalEntry
from seccam_notifier.metrics import NotifierMetrics

log = logs.get(__name__)

#: Entries of notifications that may wait to be confirmed; further ones are dropped.
LIMIT = 1000
#: Seconds that the notifier waits for the confirm of an entry. While some entry has waited for longer, the journal is
#: stalled: entries of notifications wait in memory, others are dropped.
CONFIRM_SECONDS = 1.0
#: Seconds without an entry after which the journal counts as read, if it takes no writes.
SILENCE = 5.0
#: Entries that the broker sends ahead of their acknowledgement.
_PREFETCH = 200
#: Header of an entry: the notifier that wrote it.
WRITER_HEADER = "x-seccam-writer"


class Journal:
    """Writes entries, and follows those of other notifiers.

    Both connections are the journal's own: a stream that takes no writes, or can't be read, holds up neither retries nor
    parking.
    """

    def __init__(
        self, settings: BrokerSettings, publisher: Publisher, metrics: NotifierMetrics, broker_metrics: BrokerMetrics
    ) -> None:
        """`publisher` is the journal's own."""
        self._publisher, self._metrics = publisher, metrics
        self._writer = uuid.uuid4().hex
        reader = StreamReader(topology.JOURNAL, self._on_entry, prefetch=_PREFETCH, on_missing=self._on_missing)
        self._consumer = Consumer(settings, PROGRAM, broker_metrics, [reader.subscription], direction="journal_read")
        reader.attach(self._consumer)
        self._take: Callable[[JournalEntry], object] = lambda entry: None
        self._stalls, self._absences = logs.Throttle(), logs.Throttle()
        self._entries = 0
        #: Bytes of the entries that were read, those of this notifier included.
        self.grown = 0
        self._moved = time.monotonic()
        #: Marks that were written and not read yet, by their body.
        self._marks: dict[bytes, threading.Event] = {}
        self._missing = False
        #: The journal was read to its end.
        self.ready = threading.Event()
        metrics.journal_ready.set_function(self.ready.is_set)
        metrics.journal_unconfirmed.set_function(publisher.unconfirmed)

    def start(self, take: Callable[[JournalEntry], object]) -> None:
        """Call `take` with each entry, oldest first, and from then on with each that another notifier writes."""
        self._take = take
        self._publisher.start()
        self._consumer.start()
        self._mark(self.ready)

    def stop(self, timeout: float) -> None:
        """Write what can be written within `timeout` seconds, then disconnect."""
        deadline = time.monotonic() + timeout
        self._publisher.stop(max(0.1, timeout - 0.5))
        self._consumer.stop(max(0.1, deadline - time.monotonic()))

    def live(self, limit: float) -> dict[str, str]:
        """The connections' threads that have been silent for more than `limit` seconds."""
        return {
            **self._publisher.heartbeat.silent("journal_write", limit),
            **self._consumer.heartbeat.silent("journal_read", limit),
        }

    @property
    def is_read(self) -> bool:
        """Whether nothing more is to be expected of it: it was read to its end, takes no writes, or does not exist."""
        return self.ready.is_set() or self._missing or self._silence() > SILENCE

    def catch_up(self) -> None:
        """Read what other notifiers have written until now, or wait for a moment."""
        if self.ready.is_set() and not self._stalled():
            read = threading.Event()
            mark, receipt = self._mark(read)
            if not read.wait(CONFIRM_SECONDS):
                self._marks.pop(mark, None)
                self._publisher.withdraw(receipt)

    def write(self, entry: JournalEntry, *, wait: bool) -> bool:
        """Have the entry written; with `wait`, wait for its confirm for a moment. Returns whether it is confirmed."""
        stalled = self._stalled()
        receipt = None
        if not stalled or entry.outcome == "notified":
            receipt = self._publisher.publish_durable(self._message(entry.encode(), entry.id))
        if receipt is None:
            self._metrics.journal_dropped.inc()
        elif wait and not stalled:
            receipt.answered.wait(CONFIRM_SECONDS)
            stalled = not receipt.confirmed.is_set()
        self._log_stall(stalled)
        return receipt is not None and receipt.confirmed.is_set()

    def _message(self, body: bytes, message_id: str | None = None) -> Message:
        headers = {WRITER_HEADER: self._writer}
        return Message(topology.JOURNAL, body, CONTENT_TYPE, headers, message_id, exchange=topology.DEFAULT_EXCHANGE)

    def _mark(self, read: threading.Event) -> tuple[bytes, Receipt | None]:
        """Write a mark; `read` is set once all entries before it were read."""
        mark = b'{"mark": "%s"}' % uuid.uuid4().hex.encode()
        self._marks[mark] = read
        return mark, self._publisher.publish_durable(self._message(mark))

    def _on_entry(self, delivery: Delivery) -> None:
        self._missing = False
        self._moved = time.monotonic()
        self.grown += len(delivery.body)
        if delivery.headers.get(WRITER_HEADER) == self._writer:  # known already
            read = self._marks.pop(delivery.body, None)
            if read:
                read.set()
            if read is self.ready:
                log.info("journal_read", entries=self._entries)
            return
        try:
            entry = JournalEntry.decode(delivery.body)
        except BadMessage:  # another notifier's mark, or nothing of ours
            return
        self._entries += 1
        self._take(entry)

    def _on_missing(self) -> None:
        self._missing = True
        if self._absences.allows("missing"):
            remedy = "load the broker's definitions, or run: seccam broker apply"
            log.error("journal_missing", queue=topology.JOURNAL, remedy=remedy)

    def _silence(self) -> float:
        """Seconds for which the broker could have sent an entry and has not."""
        return min(time.monotonic() - self._moved, self._consumer.connected_for())

    def _stalled(self) -> bool:
        return self._publisher.oldest_unconfirmed() > CONFIRM_SECONDS

    def _log_stall(self, stalled: bool) -> None:
        if not stalled:
            if self._stalls.clear():
                log.info("journal_recovered")
        elif self._stalls.allows("stalled"):
            unconfirmed = self._publisher.unconfirmed()
            log.warning(
                "journal_stalled", queue=topology.JOURNAL, unconfirmed=unconfirmed, meaning="a restart may repeat notifications"
            )
