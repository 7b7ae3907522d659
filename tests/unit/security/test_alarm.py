"""When a worker announces what it sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_security.alarm import Alarm, Verdict

A, S, N = Verdict.ANNOUNCE, Verdict.SUPPRESS, Verdict.NOTHING
COOLDOWN = 60.0


def verdicts(frames: list[tuple[float, int]], cooldown: float = COOLDOWN) -> list[Verdict]:
    """Of analysed frames, each (time, faces)."""
    alarm, given_ = Alarm(), []
    for now, faces in frames:
        verdict, alarm = alarm.judge(faces, now, cooldown)
        given_.append(verdict)
    return given_


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([(0, 0), (1, 0)], [N, N], id="nobody is no news"),
        pytest.param([(0, 1)], [A], id="the first face is told at once"),
        pytest.param([(0, 3)], [A], id="the first faces are told at once, however many"),
        pytest.param([(0, 1), (1, 1), (59.9, 1)], [A, N, N], id="the same face is told once a cooldown"),
        pytest.param([(0, 1), (60, 1)], [A, A], id="and again when the cooldown is over"),
        pytest.param([(0, 1), (1, 0), (2, 1)], [A, N, S], id="who comes back within the cooldown is not told"),
        pytest.param([(0, 1), (1, 2)], [A, N], id="one frame with more is not believed"),
        pytest.param([(0, 1), (1, 2), (2, 2)], [A, N, A], id="two in a row are"),
        pytest.param([(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)], [A, N, N, N, N], id="a flapping count is never told"),
        pytest.param([(0, 1), (1, 2), (2, 3), (3, 3)], [A, N, N, A], id="what is told is what two frames agree on"),
        pytest.param([(0, 1), (1, 3), (2, 2)], [A, N, A], id="at least two in both frames: two"),
        pytest.param([(0, 2), (1, 1), (2, 1), (3, 2), (4, 2)], [A, N, N, N, N], id="fewer, and as many again, is no news"),
        pytest.param([(0, 1), (50, 2), (51, 2), (60, 2)], [A, N, A, A], id="more faces don't prolong the window"),
        pytest.param([(0, 3), (60, 1), (61, 2), (62, 2)], [A, A, N, A], id="a new window counts from its own first"),
        pytest.param([(9000, 1), (8990, 1), (8940, 1)], [A, N, A], id="a clock set back silences for two cooldowns at most"),
    ],
)
def test_verdicts(frames: list[tuple[float, int]], expected: list[Verdict]) -> None:
    assert verdicts(frames) == expected


def test_without_a_cooldown_every_frame_with_a_face_is_told() -> None:
    assert verdicts([(0, 1), (0.5, 1), (1, 0), (1.5, 1)], cooldown=0) == [A, A, N, A]


def test_what_could_not_be_announced_is_tried_again() -> None:
    alarm = Alarm()
    first, _ = alarm.judge(1, 0, COOLDOWN)  # the new state is not taken over
    second, _ = alarm.judge(1, 0.5, COOLDOWN)

    assert (first, second) == (A, A)


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 4)), max_size=60))
def test_a_window_begins_once_a_cooldown_and_then_tells_only_of_more(steps: list[tuple[float, int]]) -> None:
    alarm, now, since, told, previous = Alarm(), 0.0, None, 0, 0
    for pause, faces in steps:
        now += pause
        verdict, alarm = alarm.judge(faces, now, COOLDOWN)
        if verdict is A:
            fresh = since is None or now - since >= COOLDOWN
            assert fresh or told < faces <= previous
            since, told = (now, faces) if fresh else (since, faces)
        elif faces:
            assert since is not None
            assert now - since < COOLDOWN
        previous = faces
