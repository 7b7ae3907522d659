"""Events without end, as a worker publishes them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from seccam import message
from seccam.broker import Publisher, Receipt, Spool, event_message
from seccam.metrics import BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings
from tests.faults.ledger import Owed
from tests.faults.phone import shown

#: Each visit is seen by this many workers: all events but the first are suppressed.
SIGHTINGS = 2
#: Of so many visits, one is seen more than once.
SEEN_TWICE = 5


@dataclass(frozen=True)
class Published:
    """An event that was handed to the publisher."""

    event: message.FaceEvent
    receipt: Receipt
    #: Monotonic seconds.
    at: float

    @property
    def owed(self) -> Owed:
        """It, for the ledger."""
        return Owed(self.event.id, shown(self.event.camera, self.event.time), self.at)


class Load(threading.Thread):
    """Publishes `rate` events a second, each of a camera that was not seen before, or seen a moment ago."""

    def __init__(self, settings: BrokerSettings, rate: float, *, spool: Path | None = None) -> None:
        super().__init__(name="load", daemon=True)
        registry = CollectorRegistry()
        self.publisher = Publisher(
            settings,
            "load",
            BrokerMetrics(registry, ("publish",)),
            events=EventMetrics(registry),
            outbox_limit=10_000,
            spool=Spool(spool) if spool else None,
        )
        self._rate, self._ending = rate, threading.Event()
        self.published: list[Published] = []

    def run(self) -> None:
        """Publish until `end`."""
        self.publisher.start()
        due, visit = time.monotonic(), 0
        while not self._ending.is_set():
            sightings = SIGHTINGS if visit % SEEN_TWICE == 0 else 1
            for sighting in range(sightings):
                self._publish(visit, sighting)
                due += 1 / self._rate
                self._ending.wait(max(0.0, due - time.monotonic()))
            visit += 1

    def end(self) -> None:
        """Publish no more, and let the confirms come in."""
        self._ending.set()
        self.join(10)

    def confirmed(self) -> list[Published]:
        """The events that the broker has confirmed."""
        return [one for one in list(self.published) if one.receipt.confirmed.is_set()]

    def _publish(self, visit: int, sighting: int) -> None:
        camera = f"c{visit}"
        frame = message.FrameIdentity(boot_id="load", seq=sighting, ts_ms=0)
        data = message.FaceData(
            camera=camera,
            frame=frame,
            size=(640, 360),
            faces=1,
            boxes=[(1, 2, 3, 4)],
            scores=[0.9],
            worker="load",
            snapshot="A" * 8000,
        )
        event = message.FaceEvent(
            id=f"{camera}-load-{sighting}",
            source=f"/seccam/camera/{camera}",
            time=datetime.now(UTC) + timedelta(seconds=sighting),
            data=data,
        )
        receipt = self.publisher.publish_durable(event_message(event))
        if receipt:
            self.published.append(Published(event, receipt, time.monotonic()))
