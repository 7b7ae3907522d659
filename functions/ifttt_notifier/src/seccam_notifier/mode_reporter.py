"""Tells everybody the mode, and keeps it in the journal."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from seccam import topology
from seccam.broker import Message, Publisher
from seccam.message import CONTENT_TYPE
from seccam.probes import Heartbeat
from seccam_notifier.journal import Journal
from seccam_notifier.memory import JournalEntry
from seccam_notifier.mode import Modes

#: Seconds between two reports of a mode that doesn't change.
INTERVAL = 5.0
#: The journal keeps its entries for a day, and at most 16 MB of them. The mode is written again after this many seconds, or when
#: the journal has grown by so many bytes, so that it is always far from the end that is deleted.
AGAIN_SECONDS, AGAIN_BYTES = 3600.0, 1024 * 1024


class ModeReporter(threading.Thread):
    """Works while no event comes, too, as under Nuclio nothing else does then."""

    def __init__(self, modes: Modes, changed: threading.Event, publisher: Publisher, journal: Journal) -> None:
        """`changed` is set when the mode has changed."""
        super().__init__(name="mode", daemon=True)
        self._modes, self._changed, self._publisher, self._journal = modes, changed, publisher, journal
        self._halted = threading.Event()
        #: When the journal was last seen to have the mode (monotonic seconds), and how much it had grown by then; None: not yet.
        self._kept: tuple[float, int] | None = None
        self.heartbeat = Heartbeat()

    def run(self) -> None:
        """Until `stop`."""
        while not self._halted.is_set():
            self.heartbeat.beat()
            self._changed.clear()
            if self._journal.is_read:  # before that, the mode isn't known
                self.report()
                self.keep(time.monotonic())
            self._changed.wait(INTERVAL)

    def stop(self) -> None:
        """End the thread, soon."""
        self._halted.set()
        self._changed.set()

    def report(self) -> None:
        """Tell everybody."""
        body = self._modes.report(datetime.now(UTC)).encode()
        self._publisher.publish_latest(topology.MODE, Message(topology.MODE, body, CONTENT_TYPE))

    def keep(self, now: float) -> None:
        """Write the mode into the journal again, if it is time to; `now` is monotonic seconds."""
        state, grown = self._modes.state, self._journal.grown
        if state and self._is_due(now, grown) and self._journal.write(JournalEntry.of_state(state), wait=True):
            self._kept = now, grown

    def _is_due(self, now: float, grown: int) -> bool:
        return self._kept is None or now - self._kept[0] >= AGAIN_SECONDS or grown - self._kept[1] >= AGAIN_BYTES
