"""What the page says of each channel, whatever the order in which events and the journal's entries come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import EventOutcome, Recorded
from seccam_monitor.ingest.outcomes import CHANNELS, EarlyOutcomes, Outcomes

START = datetime(2026, 3, 24, 13, 3, 12, tzinfo=UTC)
#: (number of the event, channel, outcome).
Entry = tuple[int, str | None, Recorded]


def outcome(number: int, channel: str | None, what: Recorded) -> EventOutcome:
    """Event 2 is a second newer than event 1."""
    return EventOutcome(
        id=f"front-b1-{number}", type="seccam.face", channel=channel, time=START + timedelta(seconds=number), outcome=what
    )


def shown(entries: Iterable[Entry]) -> list[tuple[str | None, str]]:
    outcomes = Outcomes()
    for entry in entries:
        outcomes = outcomes.with_outcome(outcome(*entry))
    return [(one.channel, one.outcome) for one in outcomes.shown()]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], []),
        ([(1, "ntfy", "notified")], [("ntfy", "notified")]),
        ([(1, "ntfy", "requeued"), (1, "telegram:1", "notified")], [("ntfy", "requeued"), ("telegram:1", "notified")]),
        ([(1, "ntfy", "requeued"), (1, "ntfy", "parked")], [("ntfy", "parked")]),
        ([(1, "ntfy", "parked"), (1, "ntfy", "requeued")], [("ntfy", "requeued")]),
        ([(1, "ntfy", "notified"), (1, "ntfy", "requeued")], [("ntfy", "notified")]),
        ([(1, "ntfy", "notified"), (2, "ntfy", "requeued")], [("ntfy", "requeued")]),
        ([(1, "ntfy", "notified"), (2, "ntfy", "suppressed")], [("ntfy", "notified")]),
        ([(1, "ntfy", "requeued"), (2, None, "suppressed")], [("ntfy", "requeued")]),
        ([(2, None, "suppressed")], [(None, "suppressed")]),
        ([(2, "ntfy", "suppressed")], [("ntfy", "suppressed")]),
    ],
    ids=[
        "nothing is known",
        "told",
        "told on one channel and not on the other",
        "given up",
        "an operator sent a parked event again",
        "two copies of one event",
        "more faces, which wait",
        "another worker saw the same faces",
        "another worker saw the same faces while the first event waits",
        "suppressed on all channels",
        "suppressed on one",
    ],
)
def test_the_newest_event_that_was_to_be_told_counts(entries: list[Entry], said: list[tuple[str | None, str]]) -> None:
    assert shown(entries) == said


_WHAT = st.sampled_from(["notified", "suppressed", "requeued", "parked"])
_ENTRIES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["ntfy", "telegram:1", None]), _WHAT), max_size=20)


@given(_ENTRIES)
def test_the_order_of_different_events_changes_nothing(entries: list[Entry]) -> None:
    """The journal has the outcomes of one event in their order, and those of different events in any."""
    later = sorted(entries, key=lambda entry: entry[0])
    earlier = sorted(entries, key=lambda entry: -entry[0])

    assert shown(entries) == shown(later) == shown(earlier)


@given(_ENTRIES, st.integers(0, 20))
def test_outcomes_that_came_before_their_events_count_the_same(entries: list[Entry], split: int) -> None:
    early = EarlyOutcomes()
    for entry in entries[:split]:
        early.add(outcome(*entry))
    outcomes = Outcomes()
    for number in (3, 1, 4, 2):
        outcomes = outcomes.joined(early.take(f"front-b1-{number}"))
    for entry in entries[split:]:
        outcomes = outcomes.with_outcome(outcome(*entry))

    assert [(one.channel, one.outcome) for one in outcomes.shown()] == shown(entries)
    assert early.take("front-b1-1") == Outcomes()


def test_memory_is_bounded() -> None:
    early = EarlyOutcomes(events=3)
    for number in (1, 2, 3, 1, 4):
        early.add(outcome(number, "ntfy", "notified"))
    assert [number for number in (1, 2, 3, 4) if [*early.take(f"front-b1-{number}")]] == [1, 3, 4]

    many: list[Entry] = [(1, f"apprise:{number}", "parked") for number in range(CHANNELS + 5)]
    assert len(shown(many)) == CHANNELS
    assert ("apprise:0", "notified") in shown([*many, (2, "apprise:0", "notified")])
