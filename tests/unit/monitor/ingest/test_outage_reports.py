"""When outages are published: the broker's word comes first."""

from __future__ import annotations

from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from seccam import topology
from seccam.broker import Message, Publisher, Receipt
from seccam_monitor.ingest.cameras import Cameras
from seccam_monitor.ingest.outage_reports import OutageReports
from seccam_monitor.ingest.outages import ARRIVAL, RECONNECT_SECONDS, Outages
from seccam_monitor.metrics import Metrics

AWAY = 30
#: Seconds after the start at which a watched camera that never came is offline.
MISSED = int(RECONNECT_SECONDS) + ARRIVAL * AWAY + 1


class Link:
    """A publisher whose broker answers when the test says so."""

    def __init__(self) -> None:
        self.connected, self.blocked, self.has_room = True, False, True
        self.published: list[tuple[Message, Receipt]] = []

    def publish_durable(self, message: Message) -> Receipt | None:
        receipt = Receipt()
        if self.has_room:
            self.published.append((message, receipt))
        return receipt if self.has_room else None

    def withdraw(self, receipt: Receipt) -> None:
        self.published = [one for one in self.published if one[1] is not receipt]

    @property
    def kinds(self) -> list[str | None]:
        return [message.kind for message, _ in self.published]

    def confirm(self) -> None:
        self.published[-1][1].confirmed.set()


class Watcher:
    """The reports of a monitor that expects `front`, which never comes."""

    def __init__(self) -> None:
        self.link, self.registry = Link(), CollectorRegistry()
        metrics, cameras = Metrics(self.registry, ["front"]), Cameras(["front"], 0.0)
        link = cast("Publisher", self.link)
        self._reports = OutageReports(Outages(), cameras, metrics, link, away=AWAY, watched={"front"})

    def look(self, second: int, *, connected: bool = True) -> None:
        self._reports.report(connected=connected, wall=1_000_000.0 + second, monotonic=float(second))

    @property
    def offline(self) -> float | None:
        return self.registry.get_sample_value("seccam_monitor_camera_offline", {"camera": "front"})


@pytest.fixture
def watcher() -> Watcher:
    watcher = Watcher()
    watcher.look(0)
    return watcher


def test_a_camera_is_reported_once_the_broker_has_confirmed_a_probe(watcher: Watcher) -> None:
    for second in range(MISSED, MISSED + 5):
        watcher.look(second)
    assert watcher.link.kinds == ["seccam.probe"]
    assert watcher.offline == 0

    watcher.link.confirm()
    watcher.look(MISSED + 5)
    watcher.look(MISSED + 6)

    assert watcher.link.kinds[-1:] == ["seccam.camera.offline"]
    assert watcher.link.kinds.count("seccam.camera.offline") == 1
    assert watcher.offline == 1


def test_a_monitor_publishes_to_the_exchange_that_it_may_write_to(watcher: Watcher) -> None:
    watcher.look(MISSED)
    watcher.link.confirm()
    watcher.look(MISSED + 1)

    assert {message.exchange for message, _ in watcher.link.published} == {topology.MONITORS_EXCHANGE}


@pytest.mark.parametrize("trouble", ["consumer lost", "publisher lost", "blocked"])
def test_the_probe_is_withdrawn_and_time_starts_anew_when_the_broker_is_lost(watcher: Watcher, trouble: str) -> None:
    watcher.look(MISSED)
    watcher.link.connected, watcher.link.blocked = trouble != "publisher lost", trouble == "blocked"
    watcher.look(MISSED + 1, connected=trouble != "consumer lost")
    assert watcher.link.kinds == []

    watcher.link.connected, watcher.link.blocked = True, False
    watcher.look(MISSED + 2)
    watcher.look(2 * MISSED)
    assert watcher.link.kinds == []
    watcher.look(2 * MISSED + 2)

    assert watcher.link.kinds == ["seccam.probe"]


def test_without_room_for_an_event_the_next_look_tries_again(watcher: Watcher) -> None:
    watcher.look(MISSED)
    watcher.link.confirm()
    watcher.link.has_room = False
    watcher.look(MISSED + 1)
    assert watcher.offline == 0

    watcher.link.has_room = True
    for second in range(MISSED + 2, MISSED + 4):
        watcher.look(second)
        watcher.link.confirm()

    assert "seccam.camera.offline" in watcher.link.kinds
    assert watcher.offline == 1
