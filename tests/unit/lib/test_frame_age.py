from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seccam.frame_age import Age, AgeEstimator

NOON = 1_700_000_000.0
#: Seconds: older pictures are used by nobody; and what may look so for a clock's fault.
LIMIT, PATIENCE = 2.0, 120.0


class Step(NamedTuple):
    """A picture that arrives `at` seconds after noon; `behind`: the receiver's clock minus the camera's time of it."""

    at: float
    behind: float
    boot_id: str = "a"


def ages(*steps: Step) -> list[Age]:
    estimator = AgeEstimator()
    return [
        estimator.age(s.boot_id, round((NOON + s.at - s.behind) * 1000), wall=NOON + s.at, monotonic=1000 + s.at) for s in steps
    ]


def told(*steps: Step) -> list[tuple[float, bool]]:
    return [(round(a.seconds, 2), a.estimated) for a in ages(*steps)]


@pytest.mark.parametrize(
    ("behind", "seconds", "estimated"),
    [
        (0.0, 0.0, False),
        (0.05, 0.05, False),
        (1.9, 1.9, False),
        (-0.09, 0.0, False),  # clocks that differ by less than the tolerance
        (2.1, 0.0, True),  # older ones die in the queues: the clocks differ
        (-0.2, 0.0, True),
        (3600.0, 0.0, True),
        (-3600.0, 0.0, True),
    ],
)
def test_the_first_picture_decides_whether_the_cameras_clock_is_believed(behind: float, seconds: float, estimated: bool) -> None:
    assert told(Step(0, behind)) == [(seconds, estimated)]


JOURNEYS = {
    "lag comes and goes": ([Step(0, 0.1), Step(1, 0.6), Step(2, 0.1)], [(0.1, False), (0.6, False), (0.1, False)]),
    "lag of a clock an hour off": ([Step(0, 3600), Step(1, 3600.5), Step(2, 3600)], [(0, True), (0.5, True), (0, True)]),
    "the camera's clock steps an hour back": ([Step(0, 0.1), Step(1, 3600.1)], [(0.1, False), (0.1, True)]),
    "the camera's clock steps an hour on": ([Step(0, 0.1), Step(1, -3600)], [(0.1, False), (0.1, True)]),
    "the camera's clock is set right": ([Step(0, 3600), Step(1, 0.05)], [(0, True), (0, False)]),
    "the receiver's steps and back": ([Step(0, 0), Step(1, -1.5), Step(2, 0)], [(0, False), (0, True), (0, False)]),
    "more lag than time allows is a step, though below 2 s": ([Step(0, 0), Step(1, 1.5)], [(0, False), (0, True)]),
    "a long silence may have brought lag": ([Step(0, 0), Step(10, 8)], [(0, False), (8, False)]),
    "another run begins anew": ([Step(0, 3600), Step(1, 0.1, "b")], [(0, True), (0.1, False)]),
}


@pytest.mark.parametrize(("steps", "expected"), JOURNEYS.values(), ids=JOURNEYS)
def test_lag_and_steps_of_clocks_are_told_apart(steps: list[Step], expected: list[tuple[float, bool]]) -> None:
    assert told(*steps) == expected


def test_a_picture_without_a_time_has_no_age_but_its_arrival() -> None:
    assert AgeEstimator().age("a", None, wall=NOON, monotonic=0) == Age(0.0, estimated=False, untimed=True)


def test_a_picture_of_the_future_is_told_of() -> None:
    assert [a.future for a in ages(Step(0, 0), Step(1, -0.05), Step(2, -0.3))] == [False, False, True]


def test_how_long_ago_a_time_was_is_told_by_the_same_clock_and_changes_nothing() -> None:
    estimator = AgeEstimator()
    assert estimator.since("a", 1, wall=NOON) is None
    estimator.age("a", round((NOON - 3600) * 1000), wall=NOON, monotonic=0)

    assert estimator.since("a", round((NOON - 3600) * 1000), wall=NOON + 2) == pytest.approx(2)
    assert estimator.since("a", round((NOON + 9) * 1000), wall=NOON) == 0
    assert estimator.since("b", 1, wall=NOON) is None
    assert estimator.since("a", None, wall=NOON) is None


@st.composite
def journeys(draw: st.DrawFn) -> list[Step]:
    """Pictures at any pace, with any lag, from a camera whose clock steps now and then, as the receiver's does."""
    at, behind = 0.0, draw(st.sampled_from([0.0, 0.1, 3600.0, -3600.0, 1.9, 86400.0]))
    steps = []
    for _ in range(draw(st.integers(1, 30))):
        at += draw(st.floats(0.01, 5))
        behind += draw(st.one_of(st.floats(-0.2, 0.2), st.sampled_from([3600.0, -3600.0, 1.0, -1.0, 0.0, 0.0])))
        steps.append(Step(at, behind))
    return steps


def pairs(steps: list[Step]) -> Iterator[tuple[float, Age, Age]]:
    found = ages(*steps)
    for (one, before), (other, after) in zip(
        zip(steps, found, strict=True), list(zip(steps, found, strict=True))[1:], strict=False
    ):
        yield other.at - one.at, before, after


@given(journeys())
def test_age_is_never_negative_and_grows_no_faster_than_time(steps: list[Step]) -> None:
    assert all(a.seconds >= 0 for a in ages(*steps))
    for gap, before, after in pairs(steps):
        assert after.seconds <= before.seconds + gap + 1e-6


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=30), st.sampled_from([0.0, 3600.0, -3600.0, 1e6])
)
def test_a_steady_clock_however_wrong_gives_the_lag_above_that_of_the_first_picture(
    pace: list[tuple[float, float]], offset: float
) -> None:
    """Lag that grows no faster than time passes, as real lag does."""
    at, lag, steps = 0.0, 0.0, [Step(0, offset)]
    for gap, share in pace:
        at += gap
        lag = min(lag + gap, share)
        steps.append(Step(at, offset + lag))

    for step, age in zip(steps, ages(*steps), strict=True):
        assert age.seconds == pytest.approx(step.behind - offset, abs=0.002)  # times are whole milliseconds
        assert age.estimated == (offset != 0)


def test_a_clock_that_is_slewed_back_is_believed_again_and_hardly_drops_a_picture() -> None:
    """The receiver's machine slept for 5 s; chrony brings its clock back at a twelfth of a second a second."""
    slept, rate, lag = 5.0, 0.083, 0.02
    steps = [Step(0, lag), *(Step(1 + n / 2, lag - max(0.0, slept - rate * n / 2)) for n in range(1000))]

    found = ages(*steps)

    assert found[1].estimated
    assert not found[-1].estimated
    assert found[-1].seconds == pytest.approx(lag, abs=0.002)
    assert sum(a.seconds > LIMIT for a in found) / 2 < 40


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.2, 10),
    st.floats(0.01, 0.083),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=5),
    st.sampled_from([0.0, 3600.0, -3600.0]),
)
def test_clocks_that_come_together_slowly_end_as_they_began(slept: float, rate: float, lags: list[float], wrong: float) -> None:
    """A clock that was right is believed again; of one that was wrong before, the offset is a guess again."""
    count = round(slept / rate + 3 * PATIENCE)
    behind = [lag + wrong - max(0.0, slept - rate * n) for n, lag in zip(range(count), itertools.cycle(lags), strict=False)]

    *_, last = found = ages(Step(-1, lags[0] + wrong), *(Step(n, b) for n, b in enumerate(behind)))

    assert last.estimated == (wrong != 0)
    assert min(a.seconds for a in found[-len(lags) :]) <= (LIMIT if wrong else min(lags) + 0.002)


def rows(times_and_late: Sequence[tuple[float, bool]]) -> Iterator[float]:
    """How long each row of late ones lasts."""
    for late, row in itertools.groupby(times_and_late, key=lambda one: one[1]):
        if late:
            times = [at for at, _ in row]
            yield times[-1] - times[0]


@settings(max_examples=20, deadline=None)
@given(st.floats(-100e-6, 100e-6), st.lists(st.floats(0.02, 0.5), max_size=4))
def test_a_clock_that_drifts_all_day_makes_no_prompt_picture_late_for_long(drift: float, lags: list[float]) -> None:
    every = 10.0
    lag = itertools.cycle([0.02, *lags])
    steps = [Step(n * every, n * every * drift + next(lag)) for n in range(round(86_400 / every))]

    found = ages(*steps)

    prompt = [(s.at, a.seconds > LIMIT) for s, a in list(zip(steps, found, strict=True))[:: 1 + len(lags)]]
    assert max(rows(prompt), default=0) <= PATIENCE


@settings(deadline=None)
@given(st.floats(3, 0.95 * PATIENCE), st.floats(0.1, 1), st.sampled_from([0.0, -1.0, -5.0, 3600.0, -3600.0]))
def test_a_queue_that_is_late_for_a_while_is_seen_as_late(seconds: float, every: float, wrong: float) -> None:
    """Nothing arrives, and then what was taken meanwhile, at the pace of its taking; the last is as late as the first."""
    steps = [Step(0, wrong), *(Step(seconds + n * every, wrong + seconds) for n in range(round(seconds / every)))]

    assert [round(a.seconds, 2) for a in ages(*steps)[1:]] == [pytest.approx(seconds, abs=0.01)] * (len(steps) - 1)


@given(st.floats(2.1, 30), st.floats(-40, -0.2), st.sampled_from([0.5, 1.0, 60.0]))
def test_one_late_picture_of_a_camera_that_is_ahead_changes_nothing_about_the_next(late: float, wrong: float, every: float) -> None:
    first = [Step(n * every, wrong + 0.05) for n in range(5)]
    stalled = Step(first[-1].at + every + late, wrong + 0.05 + late)
    after = [Step(stalled.at + (n + 1) * every, wrong + 0.05) for n in range(5)]

    assert [round(a.seconds, 1) for a in ages(*first, stalled, *after)][-5:] == [0.0] * 5


@pytest.mark.parametrize("wrong", [3600.0, -3600.0])
def test_two_late_pictures_with_a_long_silence_between_them_are_not_all_of_two_minutes(wrong: float) -> None:
    steps = [
        *(Step(n, wrong) for n in range(5)),
        Step(10, wrong + 5),
        Step(190, wrong + 179),
        *(Step(191 + n, wrong) for n in range(9)),
    ]

    assert [round(a.seconds, 1) for a in ages(*steps)][-10:] == [179.0, *[0.0] * 9]


@given(
    every=st.sampled_from([1 / 15, 0.5, 5.0]),
    wrong=st.sampled_from([0.0, 3600.0, -5.0]),
    made_up=st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(-10, 10) | st.sampled_from([1e9, -1e9])), min_size=1, max_size=2),
)
@example(every=5.0, wrong=0.0, made_up=[(0.03, -4.86)])  # the next picture, 4.85 s later, would be 4.9 s old
def test_one_or_two_pictures_with_a_made_up_time_change_nothing_about_the_next(
    every: float, wrong: float, made_up: list[tuple[float, float]]
) -> None:
    steps = [Step(n * every, wrong + 0.01 * (n % 5)) for n in range(30)]
    hostile = [Step((5 + share) * every, wrong + behind) for share, behind in made_up]
    mixed = sorted([*steps, *hostile])

    seen = dict(zip(mixed, ages(*mixed), strict=True))

    for step, age in zip(steps[6:], ages(*steps)[6:], strict=True):
        assert seen[step].seconds == pytest.approx(age.seconds, abs=0.1)
        assert seen[step].estimated == age.estimated


def test_what_is_late_for_long_is_taken_for_the_clocks_fault_by_the_least_of_it() -> None:
    lags = (5.2, 5.0, 5.7)
    late = [Step(10 + n, lag) for n, lag in zip(range(200), itertools.cycle(lags), strict=False)]

    found = ages(Step(0, 0), *late)

    assert {a.seconds > LIMIT for a in found[1 : int(PATIENCE)]} == {True}
    assert {(round(a.seconds, 2), a.estimated) for a in found[-3:]} == {(0.2, True), (0, True), (0.7, True)}


def test_one_prompt_picture_among_late_ones_shows_that_the_clock_is_right() -> None:
    """As of a worker that has more to do than it can: what it gets is late, but the queue lets nothing older be."""
    steps = [Step(3 * n, 0.1 if n % 30 == 0 else 2.1) for n in range(1000)]

    assert [round(a.seconds, 1) for a in ages(*steps)] == [pytest.approx(s.behind) for s in steps]
