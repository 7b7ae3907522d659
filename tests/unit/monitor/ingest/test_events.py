"""Rows of the page's list and where they are read from."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import FaceData, FaceEvent, FrameIdentity
from seccam_monitor.ingest.events import KEPT, SHOWN, EventLog, Row, is_told, row

TAKEN = datetime(2026, 3, 24, 13, 3, 12, tzinfo=UTC)
PICTURE = b"\xff\xd8\xff\xe0 a JPEG \xff\xd9"


def event(number: int = 1, snapshot: str | None = None) -> FaceEvent:
    data = FaceData(
        camera="front",
        frame=FrameIdentity(boot_id="b1", seq=number),
        size=(1280, 720),
        faces=1,
        boxes=[(1, 2, 3, 4)],
        scores=[0.5],
        worker="w",
        snapshot=snapshot,
    )
    return FaceEvent(id=f"front-b1-{number}", source="/seccam/camera/front", time=TAKEN, data=data)


def made(number: int) -> Row:
    return row(event(number), captured=0.0, published=None)


def seen(camera: str, at: float, faces: int) -> Row:
    """A row of a picture taken `at` seconds after TAKEN."""
    name = f"{camera}-{at}-{faces}"
    return dataclasses.replace(made(1), id=name, camera=camera, time_ms=made(1).time_ms + round(at * 1000), faces=faces)


def test_a_row_says_when_what_and_where_its_picture_is() -> None:
    new = row(event(7, base64.b64encode(PICTURE).decode()), captured=12.5, published=int(TAKEN.timestamp()) + 15)
    assert new.message() == {
        "id": "front-b1-7",
        "cam": "front",
        "time": int(TAKEN.timestamp() * 1000),
        "captured": 12500.0,
        "late_s": 15,
        "faces": 1,
        "boxes": ((1, 2, 3, 4),),
        "scores": (0.5,),
        "size": (1280, 720),
        "picture": "/events/front-b1-7/picture.jpg",
    }
    assert new.picture == PICTURE


@pytest.mark.parametrize("snapshot", [None, "", "not base64!", base64.b64encode(b"<svg onload=alert(1)>").decode(), "A" * 50_000])
def test_what_is_no_picture_is_left_out(snapshot: str | None) -> None:
    new = row(event(snapshot=snapshot), captured=0.0, published=None)
    assert new.picture is None
    assert new.message()["picture"] is None


def test_an_id_with_odd_signs_is_quoted_in_its_path() -> None:
    odd = event(snapshot=base64.b64encode(PICTURE).decode()).model_copy(update={"id": '../"<x>'})
    assert row(odd, captured=0.0, published=None).message()["picture"] == "/events/..%2F%22%3Cx%3E/picture.jpg"


def test_the_log_keeps_the_last_and_takes_each_once() -> None:
    log = EventLog(visit=0)
    for number in range(KEPT + 30):
        assert log.add(made(number))
        assert not log.add(made(number))
    assert [r.id for r in log.last()] == [f"front-b1-{n}" for n in range(KEPT + 30 - SHOWN, KEPT + 30)]
    assert log.get("front-b1-29") is None
    assert log.get("front-b1-30") is not None
    assert not log.add(made(0))  # it came from further back than is kept: no news


@pytest.mark.parametrize(
    ("new", "listed", "told"),
    [
        (("front", 0, 1), [], False),
        (("front", 2, 1), [("front", 0, 1)], True),  # a second worker, a moment later
        (("front", 2, 1), [("front", 0, 3)], True),  # it sees fewer of them
        (("front", 2, 2), [("front", 0, 1)], False),  # somebody more
        (("front", 2, 2), [("front", 0, 1), ("front", 1, 2)], True),
        (("yard", 2, 1), [("front", 0, 1)], False),
        (("front", 59.999, 1), [("front", 0, 1)], True),
        (("front", 60, 1), [("front", 0, 1)], False),  # the next visit
        (("front", 61, 1), [("front", 0, 1), ("front", 60, 1)], True),
        (("front", 59, 1), [("front", 0, 1), ("front", 50, 2)], True),
        (("front", 61, 1), [("front", 0, 1), ("front", 50, 2)], False),  # more faces don't prolong a visit
        (("front", 0, 1), [("front", 2, 1)], True),  # its picture is the older one, and it came later
        (("front", 0, 1), [("front", 60, 1)], False),
        (("front", 0, 2), [("front", 2, 1)], False),
    ],
)
def test_a_visit_is_told_once_and_again_when_more_faces_are_seen(
    new: tuple[str, float, int], listed: list[tuple[str, float, int]], told: bool
) -> None:
    assert is_told(seen(*new), [seen(*other) for other in listed], 60) is told
    assert not is_told(seen(*new), [seen(*other) for other in listed], 0)  # switched off


_VISITS = st.tuples(st.sampled_from(["front", "yard"]), st.integers(0, 200), st.integers(1, 3))


@given(st.lists(_VISITS, max_size=30, unique=True))
def test_no_event_is_lost_without_a_row_that_says_it(visits: list[tuple[str, int, int]]) -> None:
    log = EventLog(visit=60)
    events = [seen(*visit) for visit in visits]
    listed: list[Row] = []
    for new in events:
        known = is_told(new, listed, 60)
        assert log.add(new) is not known
        listed += [] if known else [new]
        assert log.last() == listed
        assert is_told(new, listed, 60)


def test_an_event_that_was_folded_is_no_row_when_it_comes_again() -> None:
    log = EventLog(visit=60)
    assert log.add(seen("front", 0, 1))
    assert not log.add(seen("front", 2, 1))
    for number in range(KEPT):
        assert log.add(seen("yard", number * 60, 1))
    assert not log.add(seen("front", 2, 1))  # the row that said it is gone by now
