"""The state in which a camera is shown."""

from __future__ import annotations

from typing import Literal

import pytest

from seccam.message import Status, TopicStatus
from seccam_monitor.ingest.status import LastStatus, Limits, is_off, limits, state, why


def status(
    name: Literal["starting", "live", "off", "away"] = "live", *, view_open: bool = True, until: int | None = None
) -> LastStatus:
    view = TopicStatus(open=view_open, until=until, fps=0.1)
    return LastStatus(Status(camera="front", state=name, since=0, zone="UTC", topics={"view": view}, ts_ms=0), received=0.0)


@pytest.mark.parametrize(
    ("said", "age", "expected"),
    [
        (None, None, "starting"),
        (status("starting"), None, "starting"),
        (status("away"), None, "away"),
        (None, 0.0, "live"),
        (None, 2.0, "live"),
        (None, 2.1, "stale"),
        (None, 30.0, "stale"),
        (None, 30.1, "away"),
        (status("away"), 1.0, "live"),  # a picture is better evidence than a word
        (status("away"), 2.1, "away"),
        (status("live"), 30.1, "away"),
    ],
)
def test_age_and_status_make_the_state(said: LastStatus | None, age: float | None, expected: str) -> None:
    assert state(off=False, last=said, age=age, limit=Limits(2.0, 30.0)) == expected


def test_off_is_off_whatever_the_picture() -> None:
    assert state(off=True, last=status("off"), age=0.0, limit=Limits(2.0, 30.0)) == "off"


@pytest.mark.parametrize(
    ("said", "wall", "expected"),
    [
        (None, 0.0, False),
        (status("live"), 0.0, False),
        (status("off"), 0.0, True),
        (status("live", view_open=False), 0.0, True),  # it still looks for faces, but nothing is to be seen
        (status("off", view_open=False, until=100_000), 99.0, True),
        (status("off", view_open=False, until=100_000), 111.0, False),  # the slot is open, and the camera says nothing
    ],
)
def test_a_closed_slot_holds_until_its_end(said: LastStatus | None, wall: float, expected: bool) -> None:
    assert is_off(said, wall) is expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (None, Limits(2.0, 30.0)),
        (1 / 15, Limits(2.0, 30.0)),
        (1.0, Limits(2.0, 30.0)),
        (10.0, Limits(20.0, 30.0)),
        (60.0, Limits(120.0, 180.0)),
    ],
)
def test_a_slow_camera_has_more_time(interval: float | None, expected: Limits) -> None:
    assert limits(interval, 30.0) == expected


@pytest.mark.parametrize(
    ("view_open", "shown", "expected"),
    [
        (True, "away", "its words"),
        (True, "starting", "its words"),
        (False, "off", "its words"),
        (False, "starting", ""),  # its slot has opened, and it said nothing since
        (False, "away", ""),
    ],
)
def test_a_cameras_reason_is_shown_for_the_state_that_it_explains(view_open: bool, shown: str, expected: str) -> None:
    view = TopicStatus(open=view_open, fps=15)
    said = Status(camera="front", state="away", since=0, why="its words", zone="UTC", topics={"view": view}, ts_ms=0)
    assert why(LastStatus(said, received=0.0), shown) == expected
    assert why(None, shown) == ""
