"""Delays and the breaker."""

from __future__ import annotations

import pytest

from seccam import topology
from seccam_notifier.retry import DELAY_QUEUES, Breaker, delay_name, parse_retry_after, retry_delay
from tests.unit.notifier.events import NOON


def test_the_delays_are_the_brokers() -> None:
    assert {queue: seconds * 1000 for seconds, queue in DELAY_QUEUES.items()} == topology.RETRY_QUEUES
    assert [delay_name(seconds) for seconds in DELAY_QUEUES] == ["10s", "1m", "10m"]


def test_the_breaker_opens_after_five_failures_in_a_row_and_tries_once_in_ten_seconds() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(100.0)
    breaker.answered()
    for _ in range(4):
        breaker.failed(100.0)
    assert breaker.allows(100.0)

    breaker.failed(100.0)

    assert breaker.open
    assert not breaker.allows(109.9)
    assert breaker.allows(110.0)
    breaker.failed(110.0)
    assert not breaker.allows(119.9)
    breaker.answered()
    assert breaker.allows(120.0)


@pytest.mark.parametrize(
    ("attempt", "wish", "delay"),
    [
        (0, None, 10),
        (2, None, 10),
        (3, None, 60),
        (7, None, 60),
        (8, None, 600),
        (99, None, 600),
        (0, 5, 10),
        (0, 10, 10),
        (0, 11, 60),
        (0, 61, 600),
        (0, 9999, 600),
        (8, 1, 600),
        (0, 0, 10),
    ],
)
def test_the_delay_grows_with_the_attempts_and_keeps_to_retry_after(attempt: int, wish: float | None, delay: int) -> None:
    assert retry_delay(attempt, wish, outage=False) == delay


@pytest.mark.parametrize(("attempt", "wish", "delay"), [(0, None, 10), (8, None, 10), (99, 5, 10), (99, 30, 60), (0, 3600, 600)])
def test_in_an_outage_only_the_other_side_makes_an_event_wait_for_longer(attempt: int, wish: float | None, delay: int) -> None:
    assert retry_delay(attempt, wish, outage=True) == delay


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30),
        (" 0 ", 0),
        ("Tue, 10 Mar 2026 12:00:45 GMT", 45),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 40, None),
        ("Tue, 10 Mar 2026 12:00:45 +9999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOON) == seconds
