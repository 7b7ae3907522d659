"""One row of the fault matrix: a fault under load, and what became of every event."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from seccam import topology
from seccam.settings import BrokerSettings
from tests.brokers import RunningBroker, free_port
from tests.faults.ledger import Line, Owed
from tests.faults.load import Load
from tests.faults.phone import Phone
from tests.notifiers import NotifierProcess
from tests.servers.stand_in import hang
from tests.servers.webhook import Receiver
from tests.waiting import eventually

#: Seconds of load before the fault, and after it.
BEFORE, AFTER = 3.0, 5.0
#: Seconds that everything may take to be accounted for.
PATIENCE = 180.0
#: Seconds after the fault's end within which everything is normal again.
NORMAL = 30.0


class Source(Protocol):
    """A thread that makes events until it is told to end."""

    def start(self) -> None: ...

    def is_alive(self) -> bool: ...

    def end(self) -> None: ...


class Row:
    """A notifier, a phone, and a load of events, which goes on while a fault lasts."""

    def __init__(
        self,
        broker: RunningBroker,
        folder: Path,
        *,
        rate: float = 5.0,
        notifiers: int = 1,
        load_url: str = "",
        beside: str = "",
        **settings: str,
    ) -> None:
        """`load_url` is where the events are published, if it is not the notifier's broker.

        `beside`: the notifier has a second channel, which is `down` or `hangs`; what counts is the first.
        """
        self._second = Receiver(default=hang).start() if beside == "hangs" else None
        if beside:
            url = self._second.url if self._second else f"http://127.0.0.1:{free_port()}"
            settings = {**settings, "SECCAM_WEBHOOK_URL": url}
        self.beside = f", beside a channel that {'is down' if beside == 'down' else beside}" if beside else ""
        self.broker, self._folder, self._settings = broker, folder, settings
        self.phone = Phone()
        self.phone.server.start()
        self._url = self.phone.server.url
        self.notifiers = [self.start_notifier() for _ in range(notifiers)]
        self.load = Load(BrokerSettings(url=load_url or broker.url(topology.SECURITY_USER)), rate)
        #: What makes events.
        self.sources: list[Source] = [self.load]
        self._ended = 0.0
        self._recorded: set[str] = set()

    @property
    def notifier(self) -> NotifierProcess:
        """The latest notifier."""
        return self.notifiers[-1]

    def start_notifier(self, *, wait: bool = True) -> NotifierProcess:
        """Start another notifier."""
        log = self._folder / "notifier.log"
        settings = {"SECCAM_NOTIFIER_ZONE": "UTC", "SECCAM_NOTIFIER_TIMEOUT_SECONDS": "3", **self._settings}
        notifier = NotifierProcess(self.broker, self._url, log, **settings)
        if wait:
            eventually(notifier.ready, within=60, what="notifier ready")
        return notifier

    def redirect(self, url: str) -> None:
        """The address that the next notifier takes for IFTTT's."""
        self._url = url

    def replace_notifier(self, *, wait: bool = False) -> None:
        """Start another one in place of the latest, which has ended."""
        self.notifiers[-1] = self.start_notifier(wait=wait)

    @contextmanager
    def fault(self, seconds: float = 0.0) -> Iterator[None]:
        """Load before the fault, while it lasts (`seconds`, if the caller doesn't wait itself), and after it."""
        for source in self.sources:
            source.start()
        time.sleep(BEFORE)
        yield
        time.sleep(seconds)

    def over(self) -> None:
        """The fault has ended."""
        self._ended = time.monotonic()

    def keep_records(self) -> None:
        """Remember what was suppressed until now, because the journal with the records has just been deleted."""
        self._recorded |= {line["event_id"] for line in self.notifier.lines("event_suppressed")}

    def settle(self, fault: str, injected: str) -> Line:
        """Load for a moment more, then wait until each event is accounted for; writes and returns the line."""
        time.sleep(AFTER)
        self._end_sources()
        eventually(lambda: not self.load.publisher.unconfirmed(), within=PATIENCE, every=0.5, what="all events confirmed")
        deadline = time.monotonic() + PATIENCE
        line = self._line(fault, injected)
        while line.lost and time.monotonic() < deadline:
            time.sleep(2.0)
            line = self._line(fault, injected)
        line.write()
        return line

    def close(self) -> None:
        """End everything."""
        self._end_sources()
        self.load.publisher.stop(2.0)
        for notifier in self.notifiers:
            notifier.end()
        self.phone.server.stop()
        if self._second:
            self._second.stop()

    def _end_sources(self) -> None:
        for source in self.sources:
            if source.is_alive():
                source.end()

    def _events(self) -> list[Owed]:
        return [one.owed for one in self.load.confirmed()]

    def _line(self, fault: str, injected: str) -> Line:
        line = Line.of(self.broker, self.phone, self._events(), self._ended, self._recorded)
        print(line)
        return replace(line, fault=f"{fault}{self.beside}", injected=injected)


def check(line: Line, *, doubled: int = 0) -> None:
    """Nothing is lost, no more is doubled than was cut off, and everything is normal again in time."""
    assert line.confirmed
    assert line.lost == 0
    assert line.doubled <= doubled
    assert line.normal is None or line.normal <= NORMAL
