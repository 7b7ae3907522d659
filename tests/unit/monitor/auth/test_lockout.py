"""How often a password may be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_monitor.auth.lockout import LOCKOUT_SECONDS, MAX_FAILURES, MAX_LOCKOUT_SECONDS, Lockout, network_of, retry_after


def wrong(lockout: Lockout, address: str, name: str, times: int, *, now: float = 0.0) -> None:
    for _ in range(times):
        lockout.record_failure(address, name, now)


def test_five_wrong_passwords_lock_a_name_out_from_everywhere() -> None:
    lockout = Lockout()
    for i in range(MAX_FAILURES):
        assert lockout.wait("10.0.0.9", "ann", 0.0) == 0
        lockout.record_failure(f"10.0.0.{i}", "ann", 0.0)

    assert lockout.wait("10.0.0.9", "ann", 1.0) == LOCKOUT_SECONDS - 1
    assert lockout.wait("10.0.0.9", "bob", 1.0) == 0
    assert lockout.wait("10.0.0.9", "ann", LOCKOUT_SECONDS) == 0


def test_five_wrong_passwords_lock_an_address_out_for_all_names() -> None:
    lockout = Lockout()
    for i in range(MAX_FAILURES):
        lockout.record_failure("10.0.0.1", f"name{i}", 0.0)

    assert lockout.wait("10.0.0.1", "other", 1.0) == lockout.wait_of_address("10.0.0.1", 1.0) == LOCKOUT_SECONDS - 1
    assert lockout.wait("10.0.0.2", "other", 1.0) == 0


def test_the_right_password_clears_its_name_but_not_the_address() -> None:
    lockout = Lockout()
    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES - 1)
    lockout.record_success("10.0.0.3", "ann")
    lockout.record_failure("10.0.0.1", "ann", 0.0)

    assert lockout.wait("10.0.0.2", "ann", 0.0) == 0
    assert lockout.wait_of_address("10.0.0.1", 0.0) == LOCKOUT_SECONDS


def test_addresses_that_have_logged_in_as_a_user_are_exempt_from_the_users_lockout() -> None:
    lockout = Lockout()
    lockout.record_success("10.0.0.1", "ann")
    wrong(lockout, "10.0.0.9", "ann", MAX_FAILURES)

    assert lockout.wait("10.0.0.1", "ann", 0.0) == 0
    assert lockout.wait("10.0.0.2", "ann", 0.0) == LOCKOUT_SECONDS
    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES)
    assert lockout.wait("10.0.0.1", "ann", 0.0) == LOCKOUT_SECONDS


def test_only_the_latest_exemptions_are_remembered() -> None:
    lockout = Lockout(max_entries=3)
    for i in range(10):
        lockout.record_success(f"10.0.0.{i}", "ann")

    assert len(lockout._exempt) == 3


def test_old_failures_are_forgotten() -> None:
    lockout = Lockout()
    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES - 1)
    lockout.record_failure("10.0.0.1", "ann", 601.0)

    assert lockout.wait("10.0.0.1", "ann", 601.0) == 0


def test_a_network_of_ipv6_is_one_address() -> None:
    lockout = Lockout()
    for i in range(MAX_FAILURES):
        lockout.record_failure(f"2001:db8::{i}", f"name{i}", 0.0)

    assert lockout.wait_of_address("2001:db8::ffff", 0.0) == LOCKOUT_SECONDS
    assert lockout.wait_of_address("2001:db8:0:1::1", 0.0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_every_address_counts_as_something(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=60))
def test_memory_is_bounded_and_no_lockout_is_longer_than_the_limit(tries: list[tuple[str, str]]) -> None:
    lockout = Lockout(max_entries=5)
    for now, (address, name) in enumerate(tries):
        lockout.record_failure(address, name, float(now))
        assert 0 <= lockout.wait(address, name, float(now)) <= MAX_LOCKOUT_SECONDS

    assert len(lockout._addresses._failures) <= 5
    assert len(lockout._names._failures) <= 5


def test_each_lockout_is_twice_as_long_up_to_a_quarter_of_an_hour_until_an_hour_has_passed() -> None:
    lockout, now, waits = Lockout(), 0.0, []
    for _ in range(8):
        wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES, now=now)
        assert lockout.wait_of_address("10.0.0.1", now) == lockout.wait("10.0.0.2", "ann", now)
        waits.append(lockout.wait("10.0.0.1", "ann", now))
        now += waits[-1]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]

    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES, now=now + 3601)
    assert lockout.wait("10.0.0.1", "ann", now + 3601) == 30


def test_who_has_logged_in_is_not_locked_out_by_others_behind_the_same_address() -> None:
    lockout = Lockout()
    lockout.record_success("10.0.0.1", "ann")
    for i in range(20):
        lockout.record_failure("10.0.0.1", f"name{i}", 0.0)
        lockout.record_failure(f"10.0.1.{i}", "ann", 0.0)

    assert lockout.wait("10.0.0.1", "ann", 0.0) == 0
    assert lockout.wait("10.0.0.1", "bob", 0.0) > 0
    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES)
    assert lockout.wait("10.0.0.1", "ann", 0.0) == LOCKOUT_SECONDS


def test_invented_names_push_out_no_address() -> None:
    lockout = Lockout(max_entries=3)
    wrong(lockout, "10.0.0.1", "ann", MAX_FAILURES)
    for i in range(10):
        lockout.record_failure("10.0.0.2", f"name{i}", 1.0)

    assert lockout.wait_of_address("10.0.0.1", 1.0) > 0


@pytest.mark.parametrize(("wait", "told"), [(30.0, 30), (29.1, 30), (0.2, 1), (0.0, 1)])
def test_retry_after_is_rounded_up_to_whole_seconds(wait: float, told: int) -> None:
    assert retry_after(wait) == told
