"""Several channels at once: each has a promise of its own."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import nuclio_sdk
import pytest
from structlog.testing import capture_logs

from seccam.message import CHANNELS_HEADER
from seccam.topology import PARKED_QUEUE
from seccam_notifier import dispatcher, nuclio
from seccam_notifier.channels import Answer
from seccam_notifier.memory import JournalEntry
from tests.unit.notifier.events import face
from tests.unit.notifier.world import Phone, World, body, event
from tests.waiting import eventually

RETRY = "seccam.events.retry.10s"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(nuclio, "init_context", lambda context: None)
    made = World(phones=[Phone(name="telegram:1"), Phone(name="ntfy")])
    with capture_logs() as made.lines:
        yield made


def again(world: World, queue: str = RETRY) -> nuclio_sdk.Response:
    """The last message in a queue comes back."""
    message = world.outbox.to(queue)[-1]
    return world.call(event(message.body, headers=dict(message.headers)))


def told(world: World) -> list[int]:
    """How many notifications each channel has got."""
    return [len(phone.sent) for phone in world.phones]


def by_channel(world: World) -> list[tuple[str | None, str]]:
    """Channel and outcome of each entry of the journal."""
    return [(entry.channel, entry.outcome) for entry in world.journal_entries()]


def test_an_event_is_told_on_every_channel(world: World) -> None:
    assert world.call(event(body())).body == "notified"

    assert told(world) == [1, 1]
    assert by_channel(world) == [("telegram:1", "notified"), ("ntfy", "notified")]
    assert world.value("events_total", channel="ntfy", outcome="notified") == 1


def test_while_one_channel_fails_the_other_is_told_once(world: World) -> None:
    world.phones[1].answers = [Answer("5xx")] * 3

    assert world.call(event(body())).body == "notified, requeued"
    assert [again(world).body for _ in range(3)] == ["requeued", "requeued", "notified"]

    assert told(world) == [1, 4]
    assert {message.headers[CHANNELS_HEADER] for message in world.outbox.to(RETRY)} == {"ntfy"}
    assert world.value("requeued_total", channel="ntfy") == 3
    assert world.value("requeued_total", channel="telegram:1") == 0


def test_two_channels_that_fail_are_tried_again_each_in_its_own_time(world: World) -> None:
    world.phones[0].answers, world.phones[1].answers = [Answer("429", 45.0)], [Answer("5xx")]

    assert world.call(event(body())).body == "requeued"

    assert [message.headers[CHANNELS_HEADER] for message in world.outbox.to("seccam.events.retry.1m")] == ["telegram:1"]
    assert [message.headers[CHANNELS_HEADER] for message in world.outbox.to(RETRY)] == ["ntfy"]


def test_an_event_that_one_channel_refuses_is_parked_for_that_one_and_replayed_to_it_alone(world: World) -> None:
    world.phones[1].answers = [Answer("401", remedy="wrong token? Correct it")]

    assert world.call(event(body())).body == "notified, parked"

    (parked,) = world.outbox.to(PARKED_QUEUE)
    assert parked.headers[CHANNELS_HEADER] == "ntfy"
    assert parked.headers["x-seccam-why"] == "refused: 401: wrong token? Correct it, then: seccam parked replay"
    replayed = event(parked.body, headers={CHANNELS_HEADER: "ntfy", "x-seccam-replayed": True})
    assert world.call(replayed).body == "notified"
    assert told(world) == [1, 2]


def test_a_bug_in_one_channel_is_not_the_other_s(world: World) -> None:
    world.phones[0].answers = [RuntimeError("a bug")]

    assert world.call(event(body())).body == "parked, notified"

    (parked,) = world.outbox.to(PARKED_QUEUE)
    assert (parked.headers[CHANNELS_HEADER], parked.headers["x-seccam-why"]) == ("telegram:1", "bug")


def test_a_channel_that_hangs_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "PATIENCE", 0.2)
    hanging = threading.Event()
    world.phones[1].wait = hanging.wait

    began = time.monotonic()
    for number in range(20):
        assert world.call(event(body(f"cam{number}-b-1", camera=f"cam{number}"))).body == "notified, requeued"

    assert time.monotonic() - began < 5
    assert told(world) == [20, 1]
    assert len(world.outbox.to(RETRY)) == 20
    assert world.value("requeued_total", channel="ntfy", cause="slow") == 1
    assert world.value("requeued_total", channel="ntfy", cause="busy") == 19
    hanging.set()


def test_what_a_slow_channel_has_taken_is_not_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "PATIENCE", 0.1)
    hanging = threading.Event()
    world.phones[1].wait = hanging.wait
    world.call(event(body()))

    hanging.set()

    eventually(lambda: ("ntfy", "notified") in by_channel(world))
    assert again(world).body == "duplicate"
    assert told(world) == [1, 1]


def test_a_channel_that_is_no_longer_configured_has_its_events_parked(world: World) -> None:
    assert world.call(event(body(), headers={CHANNELS_HEADER: "webhook,ntfy", "x-seccam-attempt": 1})).body == "parked, notified"

    assert told(world) == [0, 1]
    (parked,) = world.outbox.to(PARKED_QUEUE)
    assert (parked.headers[CHANNELS_HEADER], parked.headers["x-seccam-why"]) == ("webhook", "no_channel")


def test_a_notifier_that_died_between_two_channels_tells_the_second_only(world: World) -> None:
    world.notifier.remember(JournalEntry.of(face(id_="front-b-1"), "notified", "telegram:1"))

    assert world.call(event(body())).body == "duplicate, notified"

    assert told(world) == [0, 1]


def test_a_restarted_notifier_knows_what_each_channel_was_told(world: World) -> None:
    world.phones[1].answers = [Answer("5xx")]
    world.call(event(body()))

    world.start()

    assert world.call(event(body())).body == "duplicate, notified"
    assert told(world) == [1, 2]


def test_an_entry_of_an_earlier_version_is_about_every_channel(world: World) -> None:
    world.notifier.remember(JournalEntry.of(face(id_="front-b-1"), "notified"))

    assert world.call(event(body())).body == "duplicate"

    assert told(world) == [0, 0]


def test_the_journal_has_one_entry_where_the_channels_have_been_told_the_same(world: World) -> None:
    now = body()
    world.call(event(now))
    for number in range(2, 5):
        world.call(event(body(f"front-b-{number}", time=now["time"])))

    assert by_channel(world)[2:] == [(None, "suppressed")] * 3


def test_the_journal_has_an_entry_for_each_channel_where_they_have_been_told_different_things(world: World) -> None:
    world.phones[1].answers = [Answer("5xx")]
    world.call(event(body()))

    world.call(event(body("front-b-2")))

    suppressed = [(entry.channel, entry.notified is not None) for entry in world.journal_entries() if entry.outcome == "suppressed"]
    assert suppressed == [("telegram:1", True), ("ntfy", False)]


def test_calls_that_never_end_open_the_breaker_of_their_channel_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "PATIENCE", 0.05)
    never = threading.Event()
    world.phones[1].wait, world.phones[1].seconds = never.wait, 0.1
    numbers = itertools.count()

    def is_open() -> bool:
        number = next(numbers)
        world.call(event(body(f"cam{number}-b-1", camera=f"cam{number}")))
        return world.value("circuit_open", channel="ntfy") == 1

    eventually(is_open)
    assert world.value("attempts_total", channel="ntfy", result="timeout") == 5
    assert world.value("circuit_open", channel="telegram:1") == 0
    assert told(world) == [next(numbers), 5]
    never.set()
