"""What the intake does on its own account: cameras of which nothing comes any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from seccam.broker import Consumer, Subscription
from seccam.message import Detection
from seccam_monitor.ingest.cameras import FORGET_SECONDS, Camera, Cameras
from seccam_monitor.ingest.events import EventLog, Row
from seccam_monitor.ingest.intake import Intake
from seccam_monitor.metrics import Metrics


class Connection:
    """A consumer whose thread takes a turn when the test says so."""

    def __init__(self) -> None:
        self.connected = True
        self.subscriptions: list[Subscription] = []
        self._calls: list[Callable[[], None]] = []

    def add(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)

    def remove(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)

    def soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def turn(self) -> None:
        """What its thread was asked to do, it does now."""
        while self._calls:
            self._calls.pop(0)()


class Nobody:
    """Who is told."""

    def on_picture(self, camera: Camera) -> None: ...

    def on_status(self) -> None: ...

    def on_faces(self, detection: Detection, captured: float) -> None: ...

    def on_event(self, new: Row) -> None: ...


LONG = FORGET_SECONDS + 1


@pytest.fixture
def cameras() -> Cameras:
    return Cameras(["front"], 0.0)


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def intake(cameras: Cameras, connection: Connection) -> Intake:
    made = Intake(cameras, EventLog(0), Metrics(CollectorRegistry(), ["front"]), Nobody(), "b1")
    connection.subscriptions = made.subscriptions()
    made.attach(cast("Consumer", connection))
    made._find("yard", 0.0)  # as a picture of it does, which takes a broker
    return made


def test_a_camera_of_which_nothing_comes_is_left_in_the_connections_thread(
    cameras: Cameras, connection: Connection, intake: Intake
) -> None:
    before = len(connection.subscriptions)
    intake.forget(LONG)
    assert cameras.get("yard") is not None  # that thread may just be handling a picture of it
    connection.turn()
    assert cameras.get("yard") is None
    assert len(connection.subscriptions) == before - 1
    assert cameras.get("front") is not None


def test_a_camera_that_comes_back_just_before_is_not_left(cameras: Cameras, connection: Connection, intake: Intake) -> None:
    before = list(connection.subscriptions)
    intake.forget(LONG)
    back = cameras.get("yard")
    assert back is not None
    back.last_heard = LONG
    connection.turn()
    assert cameras.get("yard") is back
    assert connection.subscriptions == before


def test_without_a_connection_no_camera_is_left(cameras: Cameras, connection: Connection, intake: Intake) -> None:
    connection.connected = False
    intake.forget(LONG)
    connection.turn()
    assert cameras.get("yard") is not None
