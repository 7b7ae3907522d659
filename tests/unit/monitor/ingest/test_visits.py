"""The rows of the page's list, and when they change."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import (
    FACE,
    FACE_GONE,
    FACE_PRESENT,
    PROBE,
    EventOutcome,
    EventType,
    FaceData,
    FaceEvent,
    FrameIdentity,
    PresenceData,
    PresenceEvent,
    Recorded,
)
from seccam.visit import Visit, Visits
from seccam_monitor.ingest.visits import EVENTS, KEPT, SHOWN, Change, Row, VisitList

#: Capture times of the tests are counted from here, seconds since 1970 UTC.
START = datetime(2026, 3, 24, 13, 3, 12, tzinfo=UTC).timestamp()
#: What the monitor's monotonic clock is ahead of those.
AHEAD = 1000.0
GAP = 60.0
PICTURE = b"\xff\xd8\xff\xe0 a JPEG \xff\xd9"


def at(time: float) -> datetime:
    return datetime.fromtimestamp(START + time, UTC)


def news(
    time: float,
    faces: int = 1,
    *,
    began: float | None = None,
    camera: str = "front",
    snapshot: bytes | str | None = None,
    name: str = "",
) -> FaceEvent:
    """A face event of a picture taken at `time`."""
    data = FaceData(
        camera=camera,
        frame=FrameIdentity(boot_id="b1", seq=1),
        size=(1280, 720),
        faces=faces,
        boxes=[(1, 2, 3, 4)] * faces,
        scores=[0.5] * faces,
        worker="w",
        visit_began=None if began is None else at(began),
        snapshot=base64.b64encode(snapshot).decode() if isinstance(snapshot, bytes) else snapshot,
    )
    return FaceEvent(id=name or f"{camera}-b1-{time:g}-{faces}", source=f"/seccam/camera/{camera}", time=at(time), data=data)


def presence(
    began: float,
    seen: float,
    *,
    kind: Literal["seccam.face.present", "seccam.face.gone"] = "seccam.face.present",
    camera: str = "front",
) -> PresenceEvent:
    """Faces were seen until `seen`."""
    data = PresenceData(camera=camera, frame=FrameIdentity(boot_id="b1", seq=1), faces=1, visit_began=at(began), worker="w")
    return PresenceEvent(id=f"{camera}-b1-{seen:g}-p", source=f"/seccam/camera/{camera}", type=kind, time=at(seen), data=data)


def add(visits: VisitList, event: FaceEvent | PresenceEvent, *, published: int | None = None) -> Change | None:
    captured = event.time.timestamp() - START + AHEAD
    return visits.add(event, captured=captured, published=published)


def listed(*events: FaceEvent | PresenceEvent) -> list[tuple[float, float, int]]:
    """(began, seen, faces) of the rows that these events make, oldest first."""
    visits = VisitList(GAP)
    for event in events:
        add(visits, event)
    return [summary(row) for row in visits.last()]


def summary(row: Row) -> tuple[float, float, int]:
    return round(row.visit.began - START, 3), round(row.visit.seen - START, 3), row.faces


def test_a_row_says_who_came_when_and_where_the_picture_is() -> None:
    change = add(VisitList(GAP), news(7, 2, began=5, snapshot=PICTURE), published=int(START) + 22)
    assert change is not None
    assert change.row.message(AHEAD + 10) == {
        "id": "front-b1-7-2",
        "cam": "front",
        "time": round(START + 5) * 1000,
        "began": pytest.approx((AHEAD + 5) * 1000),
        "seen": pytest.approx((AHEAD + 7) * 1000),
        "captured": pytest.approx((AHEAD + 7) * 1000),
        "seconds": 2,
        "over": False,
        "late_s": 15,
        "faces": 2,
        "boxes": ((1, 2, 3, 4), (1, 2, 3, 4)),
        "scores": (0.5, 0.5),
        "size": (1280, 720),
        "picture": "/events/front-b1-7-2/picture.jpg?faces=2",
        "outcomes": [],
    }
    assert change.absorbed == ()
    assert change.row.snapshot.picture == PICTURE


@pytest.mark.parametrize("snapshot", [None, "", "not base64!", base64.b64encode(b"<svg onload=alert(1)>").decode(), "A" * 50_000])
def test_a_snapshot_that_is_no_picture_is_left_out(snapshot: str | None) -> None:
    change = add(VisitList(GAP), news(0, snapshot=snapshot))
    assert change is not None
    assert change.row.snapshot.picture is None
    assert change.row.message(AHEAD)["picture"] is None


def test_an_id_with_odd_characters_is_quoted_in_its_path() -> None:
    change = add(VisitList(GAP), news(0, name='../"<x>', snapshot=PICTURE))
    assert change is not None
    assert change.row.message(AHEAD)["picture"] == "/events/..%2F%22%3Cx%3E/picture.jpg?faces=1"


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        ([news(0)], [(0, 0, 1)]),
        ([news(0), news(2)], [(0, 2, 1)]),
        ([news(0), news(2, 3), news(4, 2)], [(0, 4, 3)]),
        ([news(0), news(60)], [(0, 60, 1)]),
        ([news(0), news(61)], [(0, 0, 1), (61, 61, 1)]),
        ([news(0), presence(0, 50), news(100)], [(0, 100, 1)]),
        ([news(0), presence(0, 3600, kind="seccam.face.gone")], [(0, 3600, 1)]),
        ([presence(0, 50)], []),
        ([presence(0, 50), news(100)], [(0, 100, 1)]),
        ([news(0), news(100, 2), presence(30, 50)], [(0, 100, 2)]),
        ([news(0), news(1, camera="yard")], [(0, 0, 1), (1, 1, 1)]),
        ([news(61), news(0)], [(0, 0, 1), (61, 61, 1)]),
        ([news(10, began=99)], [(10, 10, 1)]),
    ],
    ids=[
        "one event",
        "a second worker sees the same faces",
        "the most faces count",
        "a gap as long as the visit gap",
        "a longer gap",
        "presence keeps a visit going",
        "faces that are gone end an hour's visit",
        "presence alone",
        "presence before the first event",
        "a late message joins two visits",
        "two cameras",
        "an earlier visit that comes later",
        "a beginning after the event",
    ],
)
def test_rows_are_visits(events: list[FaceEvent | PresenceEvent], rows: list[tuple[float, float, int]]) -> None:
    assert listed(*events) == rows


_SPAN = st.tuples(st.sampled_from(["front", "yard"]), st.integers(0, 600), st.integers(0, 90), st.integers(0, 3))


@given(st.lists(_SPAN, max_size=15), st.randoms(use_true_random=False))
def test_the_page_lists_the_visits_that_the_rule_finds(spans: list[tuple[str, int, int, int]], random: object) -> None:
    """Each span is what a worker knows of a visit; one without faces is a presence event."""
    list_, rule = VisitList(GAP), Visits(GAP)
    news_of: list[tuple[str, float, int]] = []
    for camera, began, length, faces in [*spans, *spans[:3]]:  # some come twice
        seen = began + length
        event = news(seen, faces, began=began, camera=camera) if faces else presence(began, seen, camera=camera)
        add(list_, event)
        rule.put(camera, rule.containing(camera, START + began, START + seen))
        news_of += [(camera, START + seen, faces)] if faces else []

    def count(camera: str, visit: Visit) -> int:
        return max((faces for c, time, faces in news_of if c == camera and visit.began <= time <= visit.seen), default=0)

    expected = [(c, v.began, v.seen, count(c, v)) for c in ("front", "yard") for v in rule.of(c) if count(c, v)]
    assert sorted((r.camera, r.visit.began, r.visit.seen, r.faces) for r in list_.last()) == sorted(expected)


@given(st.lists(_SPAN, max_size=15))
def test_a_page_that_takes_in_the_changes_lists_the_same(spans: list[tuple[str, int, int, int]]) -> None:
    visits, page = VisitList(GAP), dict[str, Row]()
    for camera, began, length, faces in spans:
        seen = began + length
        change = add(visits, news(seen, faces, began=began, camera=camera) if faces else presence(began, seen, camera=camera))
        if change:
            assert page.get(change.row.id) != change.row
            page[change.row.id] = change.row
            for gone in change.absorbed:
                del page[gone]
    assert sorted(page.values(), key=lambda row: row.id) == sorted(visits.last(), key=lambda row: row.id)


def test_a_row_keeps_its_id_and_shows_the_picture_with_the_most_faces() -> None:
    visits = VisitList(GAP)
    pictures = {faces: PICTURE + bytes([faces]) for faces in (1, 2, 3)}
    add(visits, news(0, 1, snapshot=pictures[1], name="first"))
    for time, faces, shown in [(1, 3, 3), (2, 2, 3), (3, 3, 3)]:
        add(visits, news(time, faces, snapshot=pictures[faces]))
        row = visits.get("first")
        assert row is not None
        assert row.snapshot.picture == pictures[shown]
        assert row.snapshot.time == START + 1
    change = add(visits, news(4, 5))  # more faces, but nothing to show
    assert change is not None
    assert (change.row.id, change.row.faces, change.row.snapshot.picture) == ("first", 5, pictures[3])


def test_a_row_is_found_by_the_id_of_any_of_its_events() -> None:
    visits = VisitList(GAP)
    add(visits, news(100, name="later"))
    add(visits, news(0, 2, name="first"))
    assert add(visits, news(0, 2, name="same")) is None
    add(visits, presence(30, 50))

    for name in ("first", "same", "later"):
        row = visits.get(name)
        assert row is not None
        assert (row.id, row.faces) == ("first", 2)
    assert visits.get("front-b1-50-p") is None


def test_a_row_knows_a_bounded_number_of_events_and_always_its_first() -> None:
    visits = VisitList(GAP)
    for number in range(EVENTS + 20):
        add(visits, news(number, name=f"{number}"))

    known = [number for number in range(EVENTS + 20) if visits.get(f"{number}")]
    assert known == [0, *range(20, EVENTS + 20)]


def outcome(event: str, what: Recorded, channel: str | None = "ntfy", *, time: float = 0, kind: EventType = FACE) -> EventOutcome:
    return EventOutcome(id=event, type=kind, channel=channel, time=at(time), outcome=what)


def outcomes_of(row: Row | None) -> list[tuple[str | None, str]]:
    assert row is not None
    return [(one["channel"], one["outcome"]) for one in row.fields(AHEAD)["outcomes"]]


def test_a_row_changes_with_what_became_of_its_events() -> None:
    visits = VisitList(GAP)
    add(visits, news(0, name="first"))
    steps: tuple[Recorded, ...] = ("requeued", "notified")
    for what in steps:
        change = visits.learn(outcome("first", what))
        assert change is not None
        assert outcomes_of(change.row) == [("ntfy", what)]
    assert visits.learn(outcome("first", "notified")) is None
    assert visits.learn(outcome("first", "parked")) is None  # another copy of it, perhaps
    assert outcomes_of(visits.get("first")) == [("ntfy", "notified")]


def test_an_outcome_may_come_before_its_event() -> None:
    visits = VisitList(GAP)
    assert visits.learn(outcome("first", "requeued")) is None
    assert visits.learn(outcome("first", "parked")) is None
    change = add(visits, news(0, name="first"))
    assert change is not None
    assert outcomes_of(change.row) == [("ntfy", "parked")]


def test_rows_that_are_joined_have_the_outcomes_of_both() -> None:
    visits = VisitList(GAP)
    for time, name in ((0, "earlier"), (100, "later")):
        add(visits, news(time, name=name))
        visits.learn(outcome(name, "notified", "webhook" if time else "telegram:1", time=time))
        visits.learn(outcome(name, "parked" if time else "notified", time=time))
    add(visits, presence(30, 50))

    assert outcomes_of(visits.get("earlier")) == [("ntfy", "parked"), ("telegram:1", "notified"), ("webhook", "notified")]


@pytest.mark.parametrize("kind", [FACE_PRESENT, FACE_GONE, PROBE])
def test_only_news_of_a_visit_have_an_outcome_that_matters(kind: EventType) -> None:
    visits = VisitList(GAP)
    add(visits, news(0, name="first"))
    assert visits.learn(outcome("first", "suppressed", kind=kind)) is None


def test_of_two_rows_that_are_joined_the_earlier_one_stays() -> None:
    visits = VisitList(GAP)
    add(visits, news(100, 2, name="later"))
    add(visits, news(0, 1, name="earlier"))
    change = add(visits, presence(30, 50))
    assert change is not None
    assert (change.row.id, change.absorbed, change.row.faces) == ("earlier", ("later",), 2)
    assert [row.id for row in visits.last()] == ["earlier"]


def test_an_event_that_changes_nothing_is_no_change() -> None:
    visits = VisitList(GAP)
    event = news(0, 2, snapshot=PICTURE)
    assert add(visits, event)
    assert add(visits, presence(0, 20))
    for same in (event, news(10, 1), presence(0, 20), presence(5, 15)):
        assert add(visits, same) is None


def test_a_visit_is_over_once_when_no_face_was_seen_for_the_gap() -> None:
    visits = VisitList(GAP)
    add(visits, news(0))
    assert visits.ended(AHEAD + 59.9) == []
    add(visits, presence(0, 30))
    assert visits.ended(AHEAD + 60) == []
    (row,) = visits.ended(AHEAD + 90)
    assert row.message(AHEAD + 90)["over"]
    assert visits.ended(AHEAD + 91) == []
    again = add(visits, presence(0, 80))  # it came late: the visit goes on
    assert again is not None
    assert not again.row.message(AHEAD + 91)["over"]
    assert len(visits.ended(AHEAD + 140)) == 1


def test_the_list_keeps_the_last_visits() -> None:
    visits = VisitList(GAP)
    for number in range(KEPT + 30):
        assert add(visits, news(number * 100, name=f"{number}"))
    assert [row.id for row in visits.last()] == [f"{n}" for n in range(KEPT + 30 - SHOWN, KEPT + 30)]
    assert visits.get("29") is None
    assert visits.get("30") is not None
    assert add(visits, news(50, name="old")) is None  # from further back than is kept


def test_a_running_visit_is_not_left_out_for_shorter_ones_that_began_later() -> None:
    visits = VisitList(GAP)
    add(visits, news(0, camera="portrait", name="portrait"))
    for number in range(1, KEPT + 30):
        add(visits, presence(0, number * 100, camera="portrait"))
        add(visits, news(number * 100, camera="door", name=f"{number}"))

    assert "portrait" in [row.id for row in visits.last()]
    changed = add(visits, news((KEPT + 30) * 100, faces=2, began=0, camera="portrait"))
    assert changed is not None
    assert (changed.row.id, changed.row.faces) == ("portrait", 2)


def test_a_second_face_in_a_single_frame_of_a_running_visit_is_not_counted() -> None:
    visits = VisitList(GAP)
    add(visits, news(0))
    flicker = news(5, faces=2)
    agreed = flicker.model_copy(update={"data": flicker.data.model_copy(update={"agreed": 1})})

    add(visits, agreed)

    assert [row.faces for row in visits.last()] == [1]
