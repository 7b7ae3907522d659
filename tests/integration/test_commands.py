"""The page's commands, from the request to the notifier and back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from seccam import topology
from seccam.message import CommandEvent, decode_event
from tests.brokers import RunningBroker
from tests.integration.houses import BASIC, House
from tests.integration.monitors import running
from tests.notifiers import NotifierProcess
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

DISARMED = {"mode": "disarmed"}


def give(house: House, order: Any, **headers: str) -> httpx.Response:
    return house.monitor.http.post("/mode", json=order, headers={**house.cookie(), **headers})


def mode(house: House) -> dict[str, Any] | None:
    answer = house.monitor.http.get("/mode", headers=house.cookie())
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    found: dict[str, Any] = answer.json()
    return found if answer.status_code == 200 else None


def reported(house: House, wanted: str) -> dict[str, Any]:
    """The mode, once it is this one."""
    found = eventually(lambda: (last := mode(house)) and last["mode"] == wanted and last, what=wanted)
    assert isinstance(found, dict)
    return found


def queued(broker: RunningBroker) -> tuple[str, CommandEvent]:
    """The command that waits for the notifier, and its key."""
    with broker.connection() as connection:
        method, _, body = next(iter(connection.channel().consume(topology.EVENTS_QUEUE, auto_ack=True)))
    command = decode_event(body)
    assert isinstance(command, CommandEvent)
    return method.routing_key, command


def test_a_user_disarms_and_snoozes_and_everybody_sees_who_it_was(house: House, broker: RunningBroker, tmp_path: Path) -> None:
    with Ifttt() as phone:
        notifier = NotifierProcess(broker, phone.url, tmp_path / "notifier.log")
        try:
            reported(house, "armed")

            own = {"Origin": house.monitor.base}
            answer = give(house, {"snooze": {"cameras": ["yard"], "minutes": 30}}, **own)
            assert answer.status_code == 202
            assert give(house, {"mode": "disarmed", "minutes": 90}, **own).status_code == 202

            found = reported(house, "disarmed")
            assert (found["who"], found["origin"], [one["camera"] for one in found["snoozes"]]) == ("ann", "page", ["yard"])
            assert 89 * 60 < found["until"] / 1000 - time.time() <= 90 * 60
            assert notifier.lines("command_applied")[0]["event_id"] == answer.json()["id"]
            noted = [line for line in house.noted() if line["action"] == "command"]
            assert [(line["user"], line["confirmed"], line.get("mode")) for line in noted] == [
                ("ann", True, None),
                ("ann", True, "disarmed"),
            ]
        finally:
            notifier.end()


def test_a_program_gives_commands_with_name_and_password(house: House, broker: RunningBroker) -> None:
    assert house.monitor.http.post("/mode", content="home", headers=BASIC).status_code == 202

    key, command = queued(broker)
    assert (key, command.data.mode, command.data.who) == ("seccam.command.api", "home", "ann")


def test_an_order_that_says_something_else_is_refused_and_goes_nowhere(house: House, broker: RunningBroker) -> None:
    answer = give(house, {"mode": "off"})
    assert (answer.status_code, "mode" in answer.json()["detail"]) == (422, True)
    assert give(house, {"mode": "home", "who": "bob"}).status_code == 422
    assert give(house, {"snooze": {"cameras": ["a"] * 2000, "minutes": 1}}).status_code == 413
    assert house.monitor.http.post("/mode", json=DISARMED).status_code == 401
    assert give(house, DISARMED, Origin="http://evil.example").status_code == 403

    assert broker.depth(topology.EVENTS_QUEUE) == 0


def test_a_command_that_the_broker_does_not_confirm_is_answered_in_seconds(house: House, broker: RunningBroker) -> None:
    assert mode(house) is None, "no notifier runs"
    with broker.hanging(topology.EVENTS_QUEUE):
        began = time.monotonic()
        answer = give(house, DISARMED)
        took = time.monotonic() - began

    assert (answer.status_code, took < 15) == (503, True)
    assert "not confirmed" in answer.json()["detail"]
    assert [line["confirmed"] for line in house.noted() if line["action"] == "command"] == [False]


def test_without_a_login_the_command_names_the_address(broker: RunningBroker) -> None:
    with running(broker) as monitor:
        assert monitor.http.post("/mode", json=DISARMED).status_code == 202

    assert queued(broker)[1].data.who == "127.0.0.1"
