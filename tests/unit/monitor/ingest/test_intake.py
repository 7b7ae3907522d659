"""What the intake does on its own account: cameras of which nothing comes any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from seccam import topology
from seccam.broker import Consumer, Delivery, Subscription
from seccam.message import CameraData, CameraEventType, Detection, EventOutcome, camera_event
from seccam_monitor.ingest.cameras import FORGET_SECONDS, Camera, Cameras
from seccam_monitor.ingest.intake import MAX_OUTCOME_BYTES, Intake
from seccam_monitor.ingest.outages import Outages
from seccam_monitor.ingest.visits import Change, VisitList
from seccam_monitor.metrics import Metrics


class Connection:
    """A consumer whose thread takes a turn when the test says so."""

    def __init__(self) -> None:
        self.connected = True
        self.subscriptions: list[Subscription] = []
        #: After how many seconds its thread was asked to do something, in order.
        self.pauses: list[float] = []
        self._calls: list[Callable[[], None]] = []

    def add(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)

    def remove(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)

    def soon(self, call: Callable[[], None], after: float = 0.0) -> None:
        self._calls.append(call)
        self.pauses.append(after)

    def turn(self) -> None:
        """What its thread was asked to do, it does now."""
        while self._calls:
            self._calls.pop(0)()


class Nobody:
    """Who is told."""

    def on_picture(self, camera: Camera) -> None: ...

    def on_status(self) -> None: ...

    def on_faces(self, detection: Detection, captured: float) -> None: ...

    def on_visit(self, change: Change) -> None: ...


LONG = FORGET_SECONDS + 1


@pytest.fixture
def cameras() -> Cameras:
    return Cameras(["front"], 0.0)


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def intake(cameras: Cameras, connection: Connection) -> Intake:
    made = Intake(cameras, VisitList(60.0), Metrics(CollectorRegistry(), ["front"]), Nobody(), "b1", outages=Outages())
    connection.subscriptions = made.subscriptions()
    made.attach(cast("Consumer", connection))
    made._find("yard", 0.0)  # as a picture of it does, which takes a broker
    return made


def test_a_silent_camera_is_forgotten_in_the_connections_thread(cameras: Cameras, connection: Connection, intake: Intake) -> None:
    before = len(connection.subscriptions)
    intake.forget(LONG)
    assert cameras.get("yard") is not None  # that thread may just be handling a picture of it
    connection.turn()
    assert cameras.get("yard") is None
    assert len(connection.subscriptions) == before - 1
    assert cameras.get("front") is not None


def test_a_camera_that_returns_just_before_is_not_forgotten(cameras: Cameras, connection: Connection, intake: Intake) -> None:
    before = list(connection.subscriptions)
    intake.forget(LONG)
    back = cameras.get("yard")
    assert back is not None
    back.last_heard = LONG
    connection.turn()
    assert cameras.get("yard") is back
    assert connection.subscriptions == before


def test_refused_frames_are_read_at_a_bounded_rate_and_a_few_without_a_pause(connection: Connection, intake: Intake) -> None:
    (unwatched,) = [s for s in connection.subscriptions if s.router and not s.keys]

    def refuse(count: int, now: float) -> list[float]:
        del connection.pauses[:]
        for _ in range(count):
            refused = SimpleNamespace(key="seccam.view.No_Such_Name", headers={}, body=b"", monotonic=now, ack=lambda: None)
            unwatched.handle(cast("Delivery", refused))
        return connection.pauses

    assert refuse(60, 10.0) == [0.0] * 60
    assert refuse(41, 10.25) == [0.0] * 39 + [0.75, 0.75]
    assert refuse(60, 11.25) == [0.0] * 60


def test_an_entry_of_the_journal_is_remembered_only_if_it_is_small(intake: Intake) -> None:
    def learn(event: str, channel: str) -> None:
        entry = EventOutcome(id=event, type="seccam.face", channel=channel, time=datetime.now(UTC), outcome="parked")
        intake._on_outcome(cast("Delivery", SimpleNamespace(body=entry.encode())))

    learn("small", "ntfy")
    learn("large", "x" * MAX_OUTCOME_BYTES)
    assert [len(intake._visits._early.take(event).shown()) for event in ("small", "large")] == [1, 0]


def test_without_a_connection_no_camera_is_forgotten(cameras: Cameras, connection: Connection, intake: Intake) -> None:
    connection.connected = False
    intake.forget(LONG)
    connection.turn()
    assert cameras.get("yard") is not None


@pytest.mark.parametrize("kind", get_args(CameraEventType))
def test_an_event_of_a_camera_itself_is_no_visit_and_no_error(kind: CameraEventType) -> None:
    visits, metrics = VisitList(60.0), Metrics(CollectorRegistry(), ["front"])
    made = Intake(Cameras(["front"], 0.0), visits, metrics, Nobody(), "b1", outages=Outages())
    body = camera_event(kind, CameraData(camera="front"), datetime.now(UTC)).encode()

    made._on_event(cast("Delivery", SimpleNamespace(key="seccam.events.front", body=body)))

    assert not visits.last()
    assert metrics.refused[topology.EVENTS]._value.get() == 0


_HEADERS = st.dictionaries(
    st.sampled_from(["seq", "boot_id", "ts_ms", "zone", "camera", "x-stream-offset"]),
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats() | st.lists(st.integers()),
)
_FIELDS = st.sampled_from(["camera", "type", "data", "time", "frame", "visit_began", "state", "id", "boxes", "faces"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.dictionaries(_FIELDS, inner)
)
_BODIES = st.binary() | _JSON.map(lambda value: json.dumps(value).encode())


@given(
    key=st.sampled_from(["front", "yard", "No_Name", ""]) | st.text(),
    headers=_HEADERS,
    body=_BODIES,
    timestamp=st.none() | st.integers(0),
)
def test_no_message_ends_the_connections_thread(key: str, headers: dict[str, object], body: bytes, timestamp: int | None) -> None:
    connection, metrics = Connection(), Metrics(CollectorRegistry(), ["front"])
    made = Intake(Cameras(["front"], 0.0), VisitList(60.0), metrics, Nobody(), "b1", outages=Outages())
    connection.subscriptions = made.subscriptions()
    made.attach(cast("Consumer", connection))
    flows = {topology.STATUS: "status", topology.FACES: "faces", topology.PRESENCE: "presence"}
    for subscription in list(connection.subscriptions):
        flow = subscription.keys[0].rpartition(".")[0] if subscription.keys else topology.VIEW
        subscription.handle(
            cast(
                "Delivery",
                SimpleNamespace(
                    key=f"{flow}.{key}", headers=headers, body=body, timestamp=timestamp, wall=1e9, monotonic=1e3, ack=lambda: None
                ),
            )
        )
        if flow in flows:
            assert metrics.refused[flow]._value.get() == 1
