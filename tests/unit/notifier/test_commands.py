"""Commands among events: each event has one outcome on each channel, whatever comes between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import nuclio_sdk
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from structlog.testing import capture_logs

from seccam import topology
from seccam.broker import Message
from seccam.message import CommandEvent
from seccam_notifier import nuclio
from seccam_notifier.channels import Answer
from seccam_notifier.memory import JournalEntry
from tests.unit.notifier.events import camera_event, command
from tests.unit.notifier.world import Phone, World, body, commanding, event

RETRY = "seccam.events.retry.10s"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(nuclio, "init_context", lambda context: None)
    made = World(silent_at_home=["hall"])
    with capture_logs() as made.lines:
        yield made


def now(**said: Any) -> CommandEvent:
    return command(start=datetime.now(UTC), **said)


def give(world: World, **said: Any) -> str:
    return str(world.call(commanding(now(**said))).body)


def order(world: World, payload: bytes) -> str:
    """What an MQTT client publishes."""
    return str(world.call(event(payload, path="amq.topic/seccam.command")).body)


def last(world: World) -> JournalEntry:
    return world.journal_entries()[-1]


def test_what_is_not_told_while_disarmed_is_on_record_with_the_reason(world: World) -> None:
    assert give(world, mode="disarmed") == "applied"

    assert world.call(event(body())).body == "suppressed"

    assert (last(world).id, last(world).outcome, last(world).why) == ("front-b-1", "suppressed", "disarmed")
    assert world.phone.sent == []
    assert world.value("suppressed_total", reason="disarmed") == 1
    assert give(world, mode="armed") == "applied"
    assert world.call(event(body())).body == "duplicate"
    assert world.call(event(body("yard-b-1", camera="yard"))).body == "notified"


def test_a_visit_that_goes_on_when_the_house_is_armed_is_told_with_its_next_event(world: World) -> None:
    give(world, mode="disarmed")
    world.call(event(body()))
    give(world, mode="armed")

    assert world.call(event(body("front-b-2", seconds=0.5))).body == "notified"
    assert world.call(event(body("front-b-3", seconds=1))).body == "suppressed"
    assert last(world).why == "visit"


@pytest.mark.parametrize("payload", [b"disarmed", b'{"mode": "disarmed", "minutes": 60}', b'{"snooze": {"minutes": 60}}'])
def test_an_mqtt_client_gives_commands(world: World, payload: bytes) -> None:
    assert order(world, payload) == "applied"

    assert world.call(event(body())).body == "suppressed"
    assert world.modes.state
    assert (world.modes.state.who, world.modes.state.origin) == ("mqtt", "mqtt")


def test_an_order_that_nuclio_has_parsed_is_one(world: World) -> None:
    content: Any = {"mode": "disarmed"}
    assert world.call(event(content, path="amq.topic/seccam.command")).body == "applied"


@pytest.mark.parametrize("payload", [b"", b"off", b"\xff", b"{}", b'{"mode": "off"}', b"[" * 5000, b'"disarmed' + b" " * 200_000])
def test_a_bad_order_is_refused_and_counted_and_changes_nothing(world: World, payload: bytes) -> None:
    assert order(world, payload) == "refused"

    assert world.value("events_total", type="unknown", outcome="refused") == 1
    assert world.outbox.messages == []
    assert world.modes.state is None


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (now(mode="disarmed"), "seccam.events.front"),  # a worker
        (now(mode="disarmed"), "seccam.presence.front"),
        (now(mode="disarmed", origin="mqtt"), "seccam.command.page"),  # the page, for others
        (now(mode="disarmed", origin="bot"), "seccam.command.page"),
        (body(), "seccam.command.page"),
    ],
)
def test_who_has_no_right_to_say_so_is_not_believed(world: World, content: Any, key: str) -> None:
    content = json.loads(content.encode()) if isinstance(content, CommandEvent) else content

    assert world.call(event(content, path=f"seccam.commands/{key}")).body == "forged"

    assert world.modes.state is None
    assert (world.phone.sent, world.outbox.messages) == ([], [])


def test_a_whole_event_under_the_key_of_orders_is_refused(world: World) -> None:
    assert order(world, json.dumps(body()).encode()) == "refused"
    assert order(world, now(mode="disarmed").encode()) == "refused"


def test_a_retry_of_what_was_news_before_the_house_was_disarmed_is_told(world: World) -> None:
    world.phone.answers = [Answer("5xx")]
    assert world.call(event(body())).body == "requeued"
    give(world, mode="disarmed")

    (retry,) = world.outbox.to(RETRY)
    assert world.call(event(body())).body == "notified", "another copy of it"
    assert world.call(event(retry.body, headers=dict(retry.headers))).body == "duplicate"
    assert len(world.phone.sent) == 2


def test_what_was_over_the_limit_before_the_house_was_disarmed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuclio, "init_context", lambda context: None)
    world = World(1)
    world.call(event(body()))
    assert world.call(event(body("yard-b-1", camera="yard"))).body == "requeued"
    give(world, mode="disarmed")

    (retry,) = world.outbox.to(RETRY)
    assert world.call(event(retry.body, headers=dict(retry.headers))).body == "requeued"


def test_a_replay_is_told_in_every_mode(world: World) -> None:
    give(world, mode="disarmed")
    world.call(event(body()))

    assert world.call(event(body(), headers={"x-seccam-replayed": True})).body == "notified"


def test_that_a_camera_can_not_see_is_told_while_disarmed_and_not_while_it_is_snoozed(world: World) -> None:
    give(world, mode="disarmed")
    give(world, snooze=["yard"], until=60)
    for name, told in (("front", "notified"), ("yard", "suppressed")):
        blind = camera_event(camera=name).model_copy(update={"time": datetime.now(UTC)})
        assert world.call(event(json.loads(blind.encode()))).body == told

    assert last(world).why == "snoozed"


def test_a_restarted_notifier_knows_the_mode(world: World) -> None:
    give(world, mode="home")
    give(world, snooze=["yard"], until=600)

    world.start()

    assert world.call(event(body("hall-b-1", camera="hall"))).body == "suppressed"
    assert world.call(event(body("yard-b-1", camera="yard"))).body == "suppressed"
    assert world.call(event(body())).body == "notified"


def test_a_command_comes_back_until_the_journal_has_it_and_does_not_undo_later_ones(world: World) -> None:
    world.entries.confirming, world.entries.age = False, 5.0
    assert order(world, b'{"mode": "disarmed", "minutes": 60}') == "requeued"
    assert world.call(event(body())).body == "requeued"
    world.entries.confirm()
    (again, _) = world.outbox.to(RETRY)
    give(world, mode="armed")

    assert world.call(event(again.body, headers=dict(again.headers), path="/seccam.events")).body == "applied"

    assert world.modes.mode_at(datetime.now(UTC)) == "armed"
    assert last(world).state == world.modes.state


def test_a_reason_that_could_not_be_recorded_is_recorded_later(world: World) -> None:
    give(world, mode="disarmed")
    world.entries.confirming, world.entries.age = False, 5.0
    assert world.call(event(body())).body == "requeued"
    (again,) = world.outbox.to(RETRY)
    world.entries.confirm()
    give(world, mode="armed")

    assert world.call(event(again.body, headers=dict(again.headers))).body == "suppressed"

    assert (last(world).outcome, last(world).why) == ("suppressed", "disarmed")


class Traffic(RuleBasedStateMachine):
    """Faces, commands, failures, repeated deliveries and restarts in any order, with two channels.

    Each event is of a camera of its own, so that no visit hides what the mode does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(nuclio, "init_context", lambda context: None)
        self._cameras = 0
        #: Id of each event -> why it must not be told, as it was when it first came.
        self._expected: dict[str, str | None] = {}
        self._delivered: list[nuclio_sdk.Event] = []
        self._returned = 0

    @initialize()
    def begin(self) -> None:
        homely = [f"hall-{n}" for n in range(100)]
        self.world = World(phones=[Phone(name="telegram:1"), Phone(name="ntfy")], silent_at_home=homely)
        self._mode, self._snoozed = "armed", set[str]()

    def teardown(self) -> None:
        while self._returned < len(self._waiting()):
            self._return(self._waiting()[self._returned])
        self._patch.undo()
        for phone in self.world.phones:
            told = [sent.event_id for sent in phone.sent if sent.event_id]
            final: dict[str, set[tuple[str, str | None]]] = {}
            for entry in self.world.journal_entries():
                if entry.outcome != "requeued" and entry.state is None and entry.channel in (None, phone.name):
                    final.setdefault(entry.id, set()).add((entry.outcome, entry.why))
            for id_, why in self._expected.items():
                assert final[id_] == {("suppressed", why) if why else ("notified", None)}, f"{id_} on {phone.name}"
                assert (id_ in told) == (why is None)

    @rule(place=st.sampled_from(["front", "hall"]), failing=st.sampled_from([(), (0,), (1,), (0, 1)]))
    def face(self, place: str, failing: tuple[int, ...]) -> None:
        camera = f"{place}-{self._cameras}"
        self._cameras += 1
        for number in failing:
            self.world.phones[number].answers = [Answer("5xx")]
        silent = {"disarmed": "disarmed", "home": "home" if place == "hall" else None}.get(self._mode)
        self._expected[camera] = "snoozed" if {camera, "all"} & self._snoozed else silent
        self._deliver(event(body(camera, camera=camera)))
        for phone in self.world.phones:
            phone.answers = []

    @rule(mode=st.sampled_from(["armed", "home", "disarmed"]))
    def set_mode(self, mode: str) -> None:
        self._mode = mode
        self._deliver(commanding(now(mode=mode)))

    @rule(everything=st.booleans(), ends=st.booleans())
    def snooze(self, everything: bool, ends: bool) -> None:
        """All, or those of the next events; or an end of that."""
        cameras = [] if everything else [f"{place}-{self._cameras}" for place in ("front", "hall")]
        named = {"all"} if everything else set(cameras)
        self._snoozed = (set() if everything else self._snoozed - named) | (set() if ends else named)
        self._deliver(commanding(now(snooze=cameras, until=-1 if ends else 3600)))

    @precondition(lambda self: self._delivered)
    @rule()
    def repeat_the_last(self) -> None:
        """The notifier died before it acknowledged it."""
        self.world.start()
        self.world.call(self._delivered[-1])

    @precondition(lambda self: self._delivered)
    @rule(data=st.data())
    def repeat_any(self, data: st.DataObject) -> None:
        """Its sender got no confirm, and published it again."""
        self.world.call(data.draw(st.sampled_from(self._delivered[-3:])))

    @rule()
    def restart(self) -> None:
        self.world.start()

    @precondition(lambda self: self._returned < len(self._waiting()))
    @rule()
    def retry(self) -> None:
        self._return(self._waiting()[self._returned])

    def _waiting(self) -> list[Message]:
        return [m for m in self.world.outbox.messages if m.key in topology.RETRY_QUEUES]

    def _return(self, waiting: Message) -> None:
        self._returned += 1
        self.world.call(event(waiting.body, headers=dict(waiting.headers), path="/seccam.events"))

    def _deliver(self, one: nuclio_sdk.Event) -> None:
        self._delivered.append(one)
        self.world.call(one)


# shrinking takes minutes here, and a failure names the event anyway
_PHASES = (Phase.explicit, Phase.generate)
Traffic.TestCase.settings = settings(max_examples=60, stateful_step_count=40, phases=_PHASES, deadline=timedelta(seconds=30))
TestTraffic = Traffic.TestCase
