"""What a visit is, and what of it is news."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.visit import CAMERAS, VISITS_PER_CAMERA, Notified, Visit, Visits

GAP = 60.0


def seen(*spans: tuple[float, float], gap: float = GAP) -> list[Visit]:
    """The visits that these spans of faces make, oldest first."""
    visits = Visits(gap)
    for began, until in spans:
        visits.put("front", visits.containing("front", began, until))
    return sorted(visits.of("front"), key=lambda visit: visit.began)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 0)], [(0, 0)]),
        ([(0, 0), (60, 60)], [(0, 60)]),
        ([(0, 0), (60.1, 60.1)], [(0, 0), (60.1, 60.1)]),
        ([(100, 100), (50, 50)], [(50, 100)]),
        ([(0, 0), (100, 100), (40, 50)], [(0, 100)]),
        ([(0, 300), (120, 130)], [(0, 300)]),
        ([(0, 0), (100, 100), (0, 120)], [(0, 120)]),
    ],
    ids=[
        "one look",
        "a gap as long as the visit gap is in it",
        "a longer one ends it",
        "an earlier span prolongs it backwards",
        "a late message joins two visits",
        "a span within a visit changes nothing",
        "a span over two visits makes them one",
    ],
)
def test_spans_within_the_gap_are_one_visit(spans: list[tuple[float, float]], expected: list[tuple[float, float]]) -> None:
    assert [(visit.began, visit.seen) for visit in seen(*spans)] == expected


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 50)), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_visits_are_the_same_in_any_order_and_with_repeated_messages(spans, random) -> None:  # type: ignore[no-untyped-def]
    given_spans = [(began, began + length) for began, length in spans]
    shuffled = [*given_spans, *given_spans[: len(given_spans) // 2]]
    random.shuffle(shuffled)

    assert seen(*shuffled) == seen(*given_spans)


def test_visits_of_one_camera_never_touch() -> None:
    visits = seen((0, 5), (200, 210), (90, 100), (600, 600), (110, 150))
    assert all(not a.touches(b, GAP) for a in visits for b in visits if a is not b)


@pytest.mark.parametrize(
    ("visit", "faces", "time", "reminder", "news"),
    [
        (Visit(0, 0), 1, 0, 0, True),
        (Visit(0, 0), 0, 0, 0, False),
        (Visit(0, 0, Notified(1, 0)), 1, 30, 0, False),
        (Visit(0, 0, Notified(1, 0)), 2, 30, 0, True),
        (Visit(0, 0, Notified(2, 0)), 2, 1e9, 0, False),
        (Visit(0, 0, Notified(1, 0)), 1, 599, 600, False),
        (Visit(0, 0, Notified(1, 0)), 1, 600, 600, True),
        (Visit(0, 0, Notified(1, 0), {"a": Notified(2, 5)}), 2, 30, 0, False),
        (Visit(0, 0, Notified(1, 0), {"a": Notified(1, 500)}), 1, 600, 600, False),
    ],
    ids=[
        "the first face",
        "no face",
        "as many faces as were told",
        "more faces",
        "without reminders a visit is told once, however long it lasts",
        "not yet time for a reminder",
        "time for a reminder",
        "faces that are about to be told",
        "a reminder that is about to be told",
    ],
)
def test_news(visit: Visit, faces: int, time: float, reminder: float, news: bool) -> None:
    assert visit.is_news(faces, time, reminder) is news


@pytest.mark.parametrize(
    ("visit", "news"),
    [(Visit(0, 0), True), (Visit(0, 0, Notified(1, 0)), False), (Visit(0, 0, pending={"a": Notified(1, 0)}), False)],
    ids=["the first notification", "one after it", "one after it that is being retried"],
)
def test_only_the_first_notification_believes_a_single_frame(visit: Visit, news: bool) -> None:
    assert visit.is_news(2, 30, 0, agreed=1) is news
    assert visit.is_news(2, 30, 0, agreed=2)


def test_old_visits_that_are_stored_late_push_out_no_running_one() -> None:
    visits = Visits(GAP)
    running = Visit(1e6, 1e6).with_notification("a", 1, 1e6)
    visits.put("front", running)
    for number in range(VISITS_PER_CAMERA):
        visits.put("front", Visit(number * 1000.0, number * 1000.0))

    assert running in visits.of("front")


def test_a_notification_that_is_given_up_leaves_its_visit_without_one() -> None:
    pending = Visit(0, 0).with_pending("a", 1, 0)

    assert not pending.is_news(1, 10, 0)
    assert pending.without_pending("a").is_news(1, 10, 0)
    assert not pending.with_notification("a", 1, 0).without_pending("a").is_news(1, 10, 0)


def test_visits_that_turn_out_to_be_one_keep_the_notifications_of_both() -> None:
    visits = Visits(GAP)
    visits.put("front", Visit(0, 0).with_notification("a", 1, 0))
    visits.put("front", Visit(100, 100).with_notification("b", 3, 100))

    joined = visits.containing("front", 50, 50)

    assert joined.notified == Notified(3, 100)
    assert len(visits.put("front", joined)) == 2
    assert list(visits.of("front")) == [joined]


def test_cameras_have_visits_of_their_own() -> None:
    visits = Visits(GAP)
    visits.put("front", Visit(0, 0).with_notification("a", 1, 0))

    assert visits.containing("yard", 0, 0) == Visit(0, 0)


def test_memory_is_bounded() -> None:
    visits = Visits(GAP)
    for number in range(CAMERAS + 1):
        visits.put(f"camera{number}", Visit(0, 0))
    for number in range(VISITS_PER_CAMERA + 1):
        visits.put("busy", Visit(number * 1000.0, number * 1000.0))

    assert not list(visits.of("camera0"))
    assert sorted(visit.began for visit in visits.of("busy")) == [number * 1000.0 for number in range(1, VISITS_PER_CAMERA + 1)]
