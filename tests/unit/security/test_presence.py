"""When a worker reports the faces that it sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_security.presence import Presence, Report

GAP = 60.0
V, M, R, P, G = Report.VISIT, Report.MORE_FACES, Report.REMINDER, Report.PRESENT, Report.GONE
N = None


def reports(frames: list[tuple[float, int]], reminder: float = 0.0) -> list[Report | None]:
    """Of analysed frames, each (time, faces)."""
    presence, made = Presence(), []
    for time, faces in frames:
        report, presence = presence.see(faces, time, analysed=True, gap=GAP, reminder=reminder)
        made.append(report)
    return made


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([(0, 0), (1, 0)], [N, N], id="nobody is no news"),
        pytest.param([(0, 1)], [V], id="the first face is reported at once"),
        pytest.param([(0, 3)], [V], id="the first faces are reported at once, however many"),
        pytest.param([(0, 1), (1, 1), (19.9, 1)], [V, N, N], id="the same face is no news"),
        pytest.param([(0, 1), (20, 1), (30, 1), (40, 1)], [V, P, N, P], id="its presence is reported each third of the gap"),
        pytest.param([(0, 1), (50, 1), (100, 1), (150, 1)], [V, P, P, P], id="and the visit goes on for as long as it stays"),
        pytest.param([(0, 1), (60, 1)], [V, P], id="a gap as long as the visit gap ends no visit"),
        pytest.param([(0, 1), (60.1, 1)], [V, V], id="a longer one does"),
        pytest.param([(0, 1), (1, 0), (2, 1)], [V, N, N], id="a face that flickers is one visit"),
        pytest.param([(0, 1), (5, 1), (24, 0), (26, 0), (27, 0)], [V, N, N, G, N], id="faces that have gone are reported once"),
        pytest.param([(0, 1), (26, 0)], [V, N], id="unless the last report said when they were last seen"),
        pytest.param([(0, 1), (5, 1), (26, 0), (30, 1), (51, 0)], [V, N, G, P, G], id="and again when they came back"),
        pytest.param([(0, 1), (1, 2)], [V, N], id="one frame with more is not believed"),
        pytest.param([(0, 2), (1, 2), (2, 2)], [V, M, N], id="nor is the first frame, for more than one face"),
        pytest.param([(0, 1), (1, 2), (2, 2)], [V, N, M], id="two in a row are"),
        pytest.param([(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)], [V, N, N, N, N], id="a flapping count is never reported"),
        pytest.param([(0, 1), (1, 2), (2, 3), (3, 3)], [V, N, N, M], id="what is reported is what two frames agree on"),
        pytest.param([(0, 1), (1, 3), (2, 2)], [V, N, M], id="at least two in both frames: two"),
        pytest.param([(0, 2), (1, 1), (2, 1), (3, 2), (4, 2)], [V, N, N, N, M], id="the first frame alone is not believed"),
        pytest.param([(0, 3), (61, 1), (62, 2), (63, 2)], [V, V, N, M], id="a new visit counts from its own first face"),
        pytest.param([(9000, 1), (8990, 1), (8920, 1)], [V, N, V], id="a clock set back silences no worker"),
    ],
)
def test_reports(frames: list[tuple[float, int]], expected: list[Report | None]) -> None:
    assert reports(frames) == expected


def test_reminders_come_while_a_visit_lasts() -> None:
    frames = [(float(second), 1) for second in range(0, 301, 10)]
    reminded = [time for (time, _), report in zip(frames, reports(frames, reminder=120), strict=True) if report is R]

    assert reminded == [120, 240]


def test_a_reminder_waits_for_frames_that_agree_on_how_many_there_are() -> None:
    assert reports([(0, 1), (50, 1), (100, 2), (110, 1)], reminder=100) == [V, P, P, R]


def test_faces_in_a_still_frame_prolong_the_visit_and_are_no_news() -> None:
    _, presence = Presence().see(1, 0, analysed=True, gap=GAP, reminder=0)

    report, presence = presence.see(1, 50, analysed=False, gap=GAP, reminder=30)
    again, _ = presence.see(1, 100, analysed=True, gap=GAP, reminder=0)

    assert (report, again) == (P, P)


def test_a_report_that_could_not_be_published_is_tried_again() -> None:
    presence = Presence()
    first, _ = presence.see(1, 0, analysed=True, gap=GAP, reminder=0)  # the new state is not taken over
    second, _ = presence.see(1, 0.5, analysed=True, gap=GAP, reminder=0)

    assert (first, second) == (V, V)


def test_a_worker_that_stops_says_how_long_it_saw_faces() -> None:
    _, presence = Presence().see(1, 0, analysed=True, gap=GAP, reminder=0)
    assert presence.close() == (None, presence)

    _, presence = presence.see(1, 10, analysed=True, gap=GAP, reminder=0)
    report, closed = presence.close()

    assert report is G
    assert closed.close() == (None, closed)


@given(st.lists(st.tuples(st.floats(0.1, 90), st.integers(0, 4)), max_size=80))
def test_the_end_of_a_visit_is_known_before_another_can_begin(steps: list[tuple[float, int]]) -> None:
    presence, now, last_seen = Presence(), 0.0, -1e9
    presents = [-1e9]
    for pause, faces in steps:
        now += pause
        _, presence = presence.leave(now, gap=GAP)  # a worker asks every second, whether frames come or not
        assert now - last_seen <= GAP or last_seen in (-1e9, presence.recorded)
        report, presence = presence.see(faces, now, analysed=True, gap=GAP, reminder=0)
        last_seen = now if faces else last_seen
        if report is P:
            assert now - presents[-1] >= GAP / 3
            presents.append(now)
