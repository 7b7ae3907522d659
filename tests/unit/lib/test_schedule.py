"""Time slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.schedule import Schedule

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "at", "is_open", "until"),
    [
        # for ever, never
        ("24/7", BERLIN, "2026-11-22T12:00", True, None),
        ("off", BERLIN, "2026-11-22T12:00", False, None),
        ("2020 Mo 10:00-11:00", BERLIN, "2026-11-22T12:00", False, None),
        # over midnight, from Friday evening into Saturday, in local time
        ("Mo-Fr 20:00-06:00", BERLIN, "2026-11-20T18:59", False, "2026-11-20T19:00"),
        ("Mo-Fr 20:00-06:00", BERLIN, "2026-11-20T19:00", True, "2026-11-21T05:00"),
        ("Mo-Fr 20:00-06:00", BERLIN, "2026-11-21T04:59:59", True, "2026-11-21T05:00"),
        ("Mo-Fr 20:00-06:00", BERLIN, "2026-11-21T05:00", False, "2026-11-23T19:00"),
        # up to midnight and on: no gap between the days
        ("Sa,Su 00:00-24:00", "UTC", "2026-11-21T12:00", True, "2026-11-23T00:00"),
        # summer time begins: 02:00 to 03:00 does not exist
        ("02:30-03:30", BERLIN, "2026-03-29T00:59", False, "2026-03-29T01:00"),
        ("02:30-03:30", BERLIN, "2026-03-29T01:00", True, "2026-03-29T01:30"),
        ("02:15-02:45", BERLIN, "2026-03-29T00:30", False, "2026-03-30T00:15"),
        ("20:00-06:00", BERLIN, "2026-03-28T20:00", True, "2026-03-29T04:00"),
        # it ends: 02:00 to 03:00 comes twice, and so does what lies in it
        ("02:15-02:45", BERLIN, "2026-10-24T23:50", False, "2026-10-25T00:15"),
        ("02:15-02:45", BERLIN, "2026-10-25T00:15", True, "2026-10-25T00:45"),
        ("02:15-02:45", BERLIN, "2026-10-25T00:45", False, "2026-10-25T01:15"),
        ("02:15-02:45", BERLIN, "2026-10-25T01:45", False, "2026-10-26T01:15"),
        ("02:30-03:30", BERLIN, "2026-10-25T00:45", True, "2026-10-25T01:00"),
        ("20:00-06:00", BERLIN, "2026-10-24T20:00", True, "2026-10-25T05:00"),
        # holidays: a Friday, Christmas
        ("Mo-Fr 20:00-06:00; PH 00:00-24:00", BERLIN, "2026-12-25T11:00", True, "2026-12-26T23:00"),
        ("Mo-Fr 08:00-18:00; PH off", BERLIN, "2026-12-25T11:00", False, "2026-12-28T07:00"),
        # a comment or an `unknown` is not open, and no change where the state stays
        ('Mo-Fr 08:00-17:00 "desk", Mo-Fr 17:00-18:00 unknown', "UTC", "2026-11-23T16:59", True, "2026-11-23T17:00"),
        ('Mo-Fr 08:00-17:00 "desk", Mo-Fr 17:00-18:00 unknown', "UTC", "2026-11-23T17:00", False, "2026-11-24T08:00"),
        ('08:00-12:00 "a", 12:00-17:00 "b"', "UTC", "2026-11-23T09:00", True, "2026-11-23T17:00"),
    ],
)
def test_a_slot_is_open_from_its_beginning_to_its_end_in_local_time(
    hours: str, zone: str, at: str, is_open: bool, until: str | None
) -> None:
    slot = Schedule(hours, ZoneInfo(zone), "DE").slot_at(utc(at))

    assert slot.open is is_open
    assert slot.until == (utc(until) if until else None)


def test_a_slot_ends_just_before_its_change() -> None:
    slot = Schedule("10:00-11:00", ZoneInfo("UTC")).slot_at(utc("2026-11-22T10:30"))

    assert slot.holds(utc("2026-11-22T10:59:59.999"))
    assert not slot.holds(utc("2026-11-22T11:00"))


@pytest.mark.parametrize(
    ("hours", "country", "fault"),
    [
        ("24/24", "", "opening_hours"),
        ("Mo-Fr 25:00-27:00", "", "opening_hours"),
        ("", "", "opening_hours"),
        ("24/7", "XX", "country"),
        ("24/7", "US-CA", "such as DE or US$"),
        ("Mo-Fr; PH off", "", "need a country"),
    ],
)
def test_an_invalid_schedule_is_refused_with_the_reason(hours: str, country: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Schedule(hours, ZoneInfo("UTC"), country)


@pytest.mark.parametrize("country", ["DE", "US"])
def test_the_example_countries_in_an_error_are_known(country: str) -> None:
    Schedule("PH off", ZoneInfo("UTC"), country)


@pytest.mark.parametrize(
    "hours", ["sunset-sunrise", "Sunset-Sunrise", "10:00-dusk", "Mo dawn-10:00 || off", "(sunset-01:00)-24:00"]
)
def test_sun_times_are_refused_and_the_suggested_seasons_accepted(hours: str) -> None:
    with pytest.raises(ValueError, match="use times of day") as refused:
        Schedule(hours, ZoneInfo(BERLIN))

    seasons = Schedule(str(refused.value).partition("such as ")[2], ZoneInfo(BERLIN))
    at_seven = [seasons.is_open(utc(f"2026-{day}T16:00")) for day in ("06-21", "12-21")]
    assert at_seven == [False, True], "the longest day is not as the shortest one"


@pytest.mark.parametrize("hours", ["SH 08:00-20:00", "SHoff", "Mo-Fr 08:00-20:00; PH,SH off"])
def test_school_holidays_are_refused_and_the_suggested_dates_accepted(hours: str) -> None:
    with pytest.raises(ValueError, match="school holidays") as refused:
        Schedule(hours, ZoneInfo(BERLIN), "DE")

    dates = Schedule(str(refused.value).partition("such as ")[2], ZoneInfo(BERLIN))
    assert dates.is_open(utc("2026-08-03T12:00"))


@pytest.mark.parametrize("comment", ["PH too", "SH too", "from sunset on"])
def test_a_comment_may_contain_anything(comment: str) -> None:
    Schedule(f'24/7 "{comment}"', ZoneInfo("UTC"))


ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"])
TIMES = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45])).map(lambda t: f"{t[0]:02}:{t[1]:02}")
HOURS = st.tuples(TIMES, TIMES).filter(lambda t: t[0] != t[1]).map("-".join)
#: Around changes of summer time above all.
INSTANTS = st.one_of(
    st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30)),
    st.datetimes(datetime(2026, 10, 3), datetime(2026, 10, 5)),
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 26)),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
).map(lambda at: at.replace(tzinfo=UTC))


@given(HOURS, ZONES, INSTANTS)
def test_a_slot_ends_at_the_first_instant_with_another_state(hours: str, zone: str, at: datetime) -> None:
    schedule = Schedule(hours, ZoneInfo(zone))
    slot = schedule.slot_at(at)

    assert slot.open == schedule.is_open(at)
    assert slot.until is not None
    assert slot.until > at
    assert schedule.is_open(slot.until) != slot.open
    probe = at
    while probe < slot.until:
        assert schedule.is_open(probe) == slot.open
        probe += timedelta(minutes=5)
    assert schedule.is_open(slot.until - timedelta(milliseconds=1)) == slot.open
