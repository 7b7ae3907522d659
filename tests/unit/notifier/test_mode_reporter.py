"""The mode is told to everybody, and stays in a journal that forgets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from seccam import topology
from seccam.message import ModeReport
from seccam_notifier import nuclio
from seccam_notifier.mode_reporter import AGAIN_BYTES, AGAIN_SECONDS, ModeReporter
from tests.unit.notifier.events import command, presence
from tests.unit.notifier.world import World, commanding, event
from tests.waiting import eventually

DAY = 24 * 3600.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(nuclio, "init_context", lambda context: None)
    made = World()
    with capture_logs() as made.lines:
        yield made


def reporter(world: World) -> ModeReporter:
    publisher: object = world.outbox
    return ModeReporter(world.modes, world.notifier.mode_changed, publisher, world.journal)  # type: ignore[arg-type]


def disarm(world: World) -> None:
    world.call(commanding(command(mode="disarmed", start=datetime.now(UTC))))


def kept(world: World) -> int:
    """How often the journal has the mode."""
    return len([entry for entry in world.journal_entries() if entry.state])


def test_a_change_is_reported_at_once_and_the_mode_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seccam_notifier.mode_reporter.INTERVAL", 3600.0)
    thread = reporter(world)
    thread.start()
    eventually(lambda: world.outbox.news)

    disarm(world)

    eventually(lambda: len(world.outbox.news) > 1)
    assert [message.destination for message in world.outbox.news] == [(topology.EXCHANGE, "seccam.mode")] * 2
    assert [ModeReport.decode(message.body).mode for message in world.outbox.news] == ["armed", "disarmed"]
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_while_the_journal_is_not_read_no_mode_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seccam_notifier.mode_reporter.INTERVAL", 0.01)
    world.journal.ready.clear()
    began, looked = threading.Event(), threading.Event()
    monkeypatch.setattr(type(world.journal), "is_read", property(lambda journal: (looked if began.is_set() else began).set()))
    thread = reporter(world)
    thread.start()

    assert looked.wait(10)

    assert world.outbox.news == []
    thread.stop()
    thread.join(10)


def test_without_a_command_there_is_nothing_to_keep(world: World) -> None:
    reporter(world).keep(0.0)

    assert kept(world) == 0


def test_the_mode_is_written_again_every_hour(world: World) -> None:
    disarm(world)
    keeper = reporter(world)

    for minute in range(int(DAY / 60)):
        keeper.keep(minute * 60.0)

    assert kept(world) == 1 + DAY / AGAIN_SECONDS


def test_a_journal_of_a_busy_day_still_has_the_mode_where_it_was_cut(world: World) -> None:
    """The broker keeps the last 16 MB of it, less a segment of 1 MB."""
    disarm(world)
    keeper = reporter(world)
    keeper.keep(0.0)
    passing = presence(0, start=datetime.now(UTC)).encode()
    for second in range(1, 17_000):
        world.call(event(passing))
        keeper.keep(min(second, AGAIN_SECONDS / 2))

    assert world.journal.grown > 3 * AGAIN_BYTES
    size, cut = 0, len(world.entries.messages)
    while size < 2 * AGAIN_BYTES:
        cut -= 1
        size += len(world.entries.messages[cut].body)
    del world.entries.messages[:cut]
    world.start()

    assert world.modes.mode_at(datetime.now(UTC)) == "disarmed"


def test_what_the_journal_does_not_take_is_written_as_soon_as_it_does(world: World) -> None:
    disarm(world)
    keeper = reporter(world)
    world.entries.confirming, world.entries.age = False, 5.0
    keeper.keep(0.0)
    assert kept(world) == 1

    world.entries.confirm()
    keeper.keep(1.0)
    keeper.keep(2.0)

    assert kept(world) == 2
