"""Delays between attempts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from seccam.backoff import Backoff


def test_a_delay_is_twice_the_one_before_up_to_the_limit() -> None:
    backoff = Backoff(0.5, 15)

    assert [backoff.next_delay() for _ in range(8)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_after_a_success_delays_begin_with_the_first_again() -> None:
    backoff = Backoff(0.5, 15)
    delays = [backoff.next_delay() for _ in range(5)]

    backoff.reset()

    assert [backoff.next_delay() for _ in range(5)] == delays


@given(st.floats(0, 1))
def test_jitter_shortens_a_delay_by_no_more_than_its_share(jitter: float) -> None:
    backoff, exact = Backoff(1, 60, jitter=jitter), Backoff(1, 60)

    for _ in range(10):
        longest = exact.next_delay()
        assert longest * (1 - jitter) <= backoff.next_delay() <= longest


def test_two_clients_that_failed_together_dont_come_back_together() -> None:
    one, other = (Backoff(1, 60, jitter=0.5) for _ in range(2))

    assert [one.next_delay() for _ in range(5)] != [other.next_delay() for _ in range(5)]


def test_any_number_of_failures_stays_at_the_limit() -> None:
    backoff = Backoff(0.5, 15)

    delays = [backoff.next_delay() for _ in range(10_000)]

    assert delays[-1] == 15
    assert all(earlier <= later for earlier, later in pairwise(delays))
