"""The audit log: who entered, watched and deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seccam import topology
from seccam.__main__ import main
from tests.brokers import RunningBroker
from tests.integration.houses import BASIC, PASSWORD, House, open_house
from tests.integration.monitors import Camera, Sender, messages, picture, say
from tests.integration.test_notifier_command import waiting
from tests.waiting import eventually

PROXIED = {"X-Forwarded-For": "203.0.113.1"}
ANN = {"user": "ann", "address": "127.0.0.1"}


def noted(house: House, *actions: str) -> list[dict[str, Any]]:
    return [line for line in house.noted() if line["action"] in actions]


def enter(house: House, name: str, password: str, **headers: str) -> int:
    data = {"name": name, "password": password}
    return house.monitor.http.post("/login", data=data, headers={**PROXIED, **headers}).status_code


def test_a_login_and_a_logout_are_noted_with_user_and_address(house: House) -> None:
    house.monitor.http.post("/logout", headers=house.cookie())

    assert house.noted() == [{"action": "login", **ANN}, {"action": "logout", **ANN}]


def test_a_refusal_is_noted_with_the_address_behind_the_proxy_and_a_name_only_if_it_is_a_users(house: House) -> None:
    assert enter(house, "ann", "wrong") == 401
    assert enter(house, PASSWORD, "") == 401  # typed into the field of the name
    assert house.monitor.http.get("/cameras", auth=("ann", "wrong"), headers=PROXIED).status_code == 401

    refused = {"action": "login_refused", "address": "203.0.113.1"}
    assert house.noted() == [{**refused, "user": "ann"}, {**refused, "user": None}, {**refused, "user": "ann"}]
    assert PASSWORD not in house.log.read_text()


def test_attempts_during_a_pause_are_noted_once(house: House) -> None:
    assert [enter(house, f"nobody-{attempt}", "wrong") for attempt in range(15)] == [401] * 5 + [429] * 10

    assert [line["action"] for line in house.noted()] == ["login_refused"] * 5 + ["login_limited"]


def test_pages_of_other_sites_and_other_host_names_are_noted_once(house: House) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        for _ in range(3):
            assert house.monitor.http.post("/logout", headers={**PROXIED, **headers}).status_code in (403, 421)

    actions = ("refused_origin", "refused_host")
    assert house.noted() == [{"action": action, "user": None, "address": "203.0.113.1"} for action in actions]


def test_a_page_is_noted_with_the_cameras_that_it_shows_from_its_beginning_to_its_end(house: House, broker: RunningBroker) -> None:
    sender = Sender(broker)
    for camera in ("front", "yard"):
        sender.view(camera, picture(10))
    eventually(lambda: len(house.monitor.http.get("/cameras", headers=BASIC).json()) == 2)
    with house.monitor.socket(additional_headers=BASIC) as page:
        for cameras in ([0], [0, 1], [1], [0, 1]):
            say(page, "watch", cams=cameras)
        say(page, "ping", c=0)
        next(messages(page, "pong"))
    eventually(lambda: noted(house, "watch_end"))
    sender.close()

    *began, ended = noted(house, "watch", "watch_end")
    watch = {"action": "watch", **ANN, "via": "page"}
    assert began == [{**watch, "cameras": []}, {**watch, "cameras": ["front"]}, {**watch, "cameras": ["yard"]}]
    assert ended.pop("seconds") >= 0
    assert ended == {**watch, "action": "watch_end", "cameras": ["front", "yard"], "reason": "client"}


def test_a_stream_is_noted_from_its_beginning_to_its_end(house: House, broker: RunningBroker) -> None:
    with Camera(broker, "front", [picture(10)], fps=2):
        eventually(lambda: house.monitor.http.get("/cameras/front/snapshot.jpg", headers=BASIC).status_code == 200)
        with house.monitor.http.stream("GET", "/cameras/front/stream.mjpeg", headers={**BASIC, **PROXIED}) as stream:
            pictures = stream.iter_bytes()  # an iterator that is dropped closes the stream
            next(pictures)
            assert not noted(house, "watch_end")
        eventually(lambda: noted(house, "watch_end"))

    began, ended = noted(house, "watch", "watch_end")
    assert began == {"action": "watch", "user": "ann", "address": "203.0.113.1", "via": "stream", "cameras": ["front"]}
    assert (ended["cameras"], ended["reason"]) == (["front"], "client")


def test_a_picture_is_noted_once_for_each_user_and_address(house: House, broker: RunningBroker) -> None:
    sender = Sender(broker)
    sender.view("front", picture(10))
    visit = sender.event("front", 1, snapshot=picture(20))
    paths = ("/cameras/front/snapshot.jpg", f"/events/{visit}/picture.jpg")
    for path in paths:
        eventually(lambda path=path: house.monitor.http.get(path, headers=BASIC).status_code == 200)  # type: ignore[misc]
        for _ in range(3):
            assert house.monitor.http.get(path, headers={**BASIC, **PROXIED}).status_code == 200
    sender.close()

    line = {"action": "picture", "camera": "front", "user": "ann"}
    lines = [{**line, "address": address} for address in ("127.0.0.1", "203.0.113.1")]
    assert house.noted() == [*lines, *({**line, "visit": visit} for line in lines)]


def test_the_audit_log_is_written_at_every_log_level(
    broker: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECCAM_LOG_LEVEL", "error")
    with open_house(broker, tmp_path) as house:
        house.cookie()

    assert [line["action"] for line in house.noted()] == ["login"]


def test_a_deletion_is_noted_with_what_was_deleted(
    broker: RunningBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECCAM_BROKER_URL", broker.url(topology.OPERATOR_USER))
    waiting(topology.PARKED_QUEUE, broker, a=("front", "2026-11-01T10:00:00Z"), b=("yard", "2026-11-01T10:00:00Z"))

    assert main(["events", "delete", "--camera", "front"]) == 0
    assert main(["events", "empty-log"]) == 0

    told = capsys.readouterr().err
    deleted, emptied = (json.loads(line) for line in told.splitlines() if line.startswith("{"))
    assert (deleted["event"], deleted["action"]) == ("audit", "delete")
    assert (deleted["id"], deleted["camera"], deleted["time"]) == ("a", "front", "2026-11-01T10:00:00Z")
    assert (emptied["action"], emptied["stream"]) == ("empty_log", topology.EVENTS_LOG)
    assert all(line["user"] and line["address"] and line["timestamp"] for line in (deleted, emptied))
    assert broker.node.passwords()[topology.OPERATOR_USER] not in told
