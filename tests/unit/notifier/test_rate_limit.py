"""How many notifications a minute has, and what becomes of the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seccam_notifier import rate_limit
from seccam_notifier.memory import JournalEntry
from seccam_notifier.rate_limit import WINDOW, RateLimit
from tests.unit.notifier.events import camera_event, face


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_has_more_notifications_than_the_limit(per_minute: int, pauses: list[float]) -> None:
    limit, now, sent = RateLimit(per_minute), 0.0, list[float]()
    for pause in pauses:
        now += pause
        room = len([time for time in sent if now - time < WINDOW]) < per_minute
        assert limit.allows(now) == room
        if room:
            limit.sent(now)
            sent.append(now)


def test_without_a_limit_everything_is_sent() -> None:
    limit = RateLimit(0)
    for _ in range(1000):
        assert limit.allows(0.0)
        limit.sent(0.0)


def test_events_of_one_type_wait_together_until_something_becomes_of_them() -> None:
    limit = RateLimit(1)
    first, second, third = (JournalEntry.of(face(camera=name), "notified") for name in ("front", "yard", "shed"))
    away = JournalEntry.of(camera_event(camera="yard"), "notified")
    for entry in (first, second, away, third):
        limit.hold(entry)

    assert limit.waiting_beside(second) == [first, third]
    assert limit.waiting_beside(away) == []
    limit.release(first.id)
    limit.release("another")
    assert limit.waiting_beside(second) == [third]


def test_what_waits_is_bounded() -> None:
    limit = RateLimit(1)
    for number in range(rate_limit.MOST_WAITING + 5):
        limit.hold(JournalEntry.of(face(number), "notified"))
    assert len(limit.waiting_beside(JournalEntry.of(face(-1), "notified"))) == rate_limit.MOST_WAITING
