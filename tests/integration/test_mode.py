"""Commands to a notifier as a process, on the real broker: from the page's user, from an MQTT client, and over a kill."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seccam import message, topology
from seccam.broker import StreamReader, Subscription, command_message, event_message
from seccam.errors import BadMessage
from seccam.message import ModeReport
from seccam_notifier.memory import JournalEntry
from tests.broker_clients import BrokerClients, Received, clients_of
from tests.brokers import RunningBroker
from tests.notifiers import NotifierProcess
from tests.servers.ifttt import Ifttt
from tests.unit.notifier.events import command, face
from tests.waiting import eventually

PATIENCE = 30.0
COMMANDER = topology.COMMANDER_USER


class House:
    """A notifier, those who speak to it, and those whom it tells."""

    def __init__(self, broker: RunningBroker, clients: BrokerClients, phone: Ifttt, log: Path) -> None:
        self._broker, self._phone, self._log = broker, phone, log
        self._page = clients.publisher(topology.MONITOR_USER)
        self._worker = clients.publisher(topology.SECURITY_USER)
        self._reports = Received()
        self._journal: list[bytes] = []
        clients.consumer(
            topology.MONITOR_USER, Subscription(self._reports, keys=(topology.MODE,), arguments=topology.SHORT_NEWS, prefetch=20)
        )
        reader = StreamReader(topology.JOURNAL, lambda delivery: self._journal.append(delivery.body))
        reader.attach(clients.consumer(topology.NOTIFIER_USER, reader.subscription))
        self._faces = 0
        self.notifier = self.start()

    def start(self) -> NotifierProcess:
        settings = {"SECCAM_NOTIFIER_SILENT_AT_HOME": "hall", "SECCAM_VISIT_GAP_SECONDS": "0.001"}  # each face is a visit
        self.notifier = NotifierProcess(self._broker, self._phone.url, self._log, **settings)
        eventually(self.notifier.ready, within=PATIENCE, what="notifier ready")
        return self.notifier

    def give(self, **said: Any) -> None:
        """The page gives a command, which the broker confirms."""
        receipt = self._page.publish_durable(command_message(command(start=datetime.now(UTC), **said)))
        assert receipt
        assert receipt.confirmed.wait(PATIENCE)

    def order(self, payload: str) -> None:
        """An MQTT client gives one."""
        login = ["-u", COMMANDER, "-P", self._broker.node.passwords()[COMMANDER]]
        address = ["-h", "127.0.0.1", "-p", str(self._broker.ports.mqtt)]
        subprocess.run(["mosquitto_pub", *address, *login, "-q", "1", "-t", "seccam/command", "-m", payload], check=True)

    def see(self, camera: str) -> tuple[str, str | None]:
        """A worker sees a face that begins a visit; what the journal says became of it, and why."""
        self._faces += 1
        return self.publish(face(camera=camera, id_=f"{camera}-b-{self._faces}", start=datetime.now(UTC)))

    def publish(self, event: message.FaceEvent | message.CameraEvent) -> tuple[str, str | None]:
        self._worker.publish_durable(event_message(event))
        outcome = eventually(lambda: self._outcome(event.id), within=PATIENCE)
        assert outcome
        return outcome

    def reported(self, mode: str) -> ModeReport:
        """The report that this mode holds, which must come."""

        def last() -> ModeReport | None:
            report = ModeReport.decode(self._reports.bodies[-1]) if self._reports.bodies else None
            return report if report and report.mode == mode else None

        report = eventually(last, within=PATIENCE, what=f"the mode {mode}")
        assert report
        return report

    def calls(self) -> list[str]:
        return [camera for camera, _ in self._phone.values()]

    def _outcome(self, event_id: str) -> tuple[str, str | None] | None:
        for body in [*self._journal]:
            try:
                entry = JournalEntry.decode(body)
            except BadMessage:  # a mark
                continue
            if entry.id == event_id:
                return entry.outcome, entry.why
        return None


@pytest.fixture
def house(broker: RunningBroker, tmp_path: Path) -> Iterator[House]:
    with Ifttt() as phone, clients_of(broker) as clients:
        made = House(broker, clients, phone, tmp_path / "notifier.log")
        yield made
        made.notifier.end()


TOLD: tuple[str, str | None] = ("notified", None)
#: Every kind of command: how it is given, the mode that is reported, and what becomes of a face at the front door and in the hall.
COMMANDS: list[tuple[Callable[[House], None], str, tuple[str, str | None], tuple[str, str | None]]] = [
    (lambda house: house.give(mode="disarmed"), "disarmed", ("suppressed", "disarmed"), ("suppressed", "disarmed")),
    (lambda house: house.give(mode="home"), "home", TOLD, ("suppressed", "home")),
    (lambda house: house.give(snooze=["hall"], until=600), "home", TOLD, ("suppressed", "snoozed")),
    (lambda house: house.give(snooze=[], until=-1), "home", TOLD, ("suppressed", "home")),
    (lambda house: house.give(mode="armed"), "armed", TOLD, TOLD),
]


def test_what_is_told_is_as_the_last_command_says(house: House) -> None:
    assert house.see("front") == TOLD
    for give, mode, front, hall in COMMANDS:
        give(house)
        assert (house.see("front"), house.see("hall")) == (front, hall)
        assert house.reported(mode).origin == "page"

    assert house.calls() == ["front", *["front"] * 3, "front", "hall"]


@pytest.mark.usefixtures("mosquitto")
def test_an_mqtt_client_disarms_and_a_viewer_sees_it(house: House) -> None:
    house.order("disarmed")
    assert house.see("front") == ("suppressed", "disarmed")
    house.order('{"snooze": {"minutes": 10}}')
    house.order("off")
    house.order("armed")

    assert house.see("front") == ("suppressed", "snoozed")

    report = house.reported("armed")
    assert (report.who, report.origin, [one.camera for one in report.snoozes]) == ("mqtt", "mqtt", [None])
    refused = 'seccam_notifier_events_total{channel="all",outcome="refused",type="unknown"}'
    assert house.notifier.metric(refused) == 1
    assert house.calls() == []


def test_a_notifier_that_is_killed_leaves_its_mode_to_the_next(house: House) -> None:
    house.give(mode="disarmed")
    assert house.see("front") == ("suppressed", "disarmed")
    house.notifier.end(signal.SIGKILL)
    house.give(snooze=["hall"], until=600)

    house.start()

    assert house.see("front") == ("suppressed", "disarmed")
    house.give(mode="armed")
    assert (house.see("front"), house.see("hall")) == (TOLD, ("suppressed", "snoozed"))
    assert house.calls() == ["front"]


def test_what_was_seen_before_a_command_is_told_though_the_notifier_was_away(house: House) -> None:
    house.notifier.end(signal.SIGKILL)
    before = face(0, start=datetime.now(UTC))
    house._worker.publish_durable(event_message(before))
    eventually(lambda: not house._worker.unconfirmed(), within=PATIENCE)
    house.give(mode="disarmed")

    house.start()

    assert house.publish(before) == TOLD
    assert house.see("yard") == ("suppressed", "disarmed")
    assert house.calls() == ["front"]
