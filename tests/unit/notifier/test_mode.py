"""Commands in, and which events are told after them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import CommandEvent
from seccam.schedule import Schedule
from seccam_notifier.memory import JournalEntry
from seccam_notifier.mode import IDS, MOST_CAMERAS, Modes, State
from tests.unit.notifier.events import NOON, at, camera_event, command, face


def commanded(*commands: CommandEvent, silent_at_home: tuple[str, ...] = ("hall",)) -> Modes:
    modes = Modes(silent_at_home)
    for one in commands:
        modes.obey(one, one.time)
    return modes


def why(modes: Modes, seconds: float = 100, camera: str = "front", *, now: float | None = None) -> str | None:
    """Why a face at this time is not told, if it is judged `now`."""
    return modes.silence(face(seconds, camera=camera), at(seconds if now is None else now))


def test_without_a_command_everything_is_told() -> None:
    assert why(commanded()) is None
    assert commanded().report(NOON).mode == "armed"


def test_disarmed_no_face_is_told_and_armed_again_every_face() -> None:
    assert why(commanded(command(0, mode="disarmed"))) == "disarmed"
    assert why(commanded(command(0, mode="disarmed"), command(1, mode="armed"))) is None


def test_at_home_only_the_cameras_of_the_setting_are_silent() -> None:
    modes = commanded(command(0, mode="home"))

    assert why(modes, camera="hall") == "home"
    assert why(modes, camera="front") is None


def test_a_mode_with_an_end_gives_way_to_the_one_before_it() -> None:
    modes = commanded(command(0, mode="home"), command(1, mode="disarmed", until=60))

    assert [modes.mode_at(at(seconds)) for seconds in (2, 59.9, 60, 1000)] == ["disarmed", "disarmed", "home", "home"]
    assert modes.report(at(2)).until == at(60).timestamp() * 1000
    assert modes.report(at(60)).until is None


def test_a_mode_that_stays_ends_one_with_an_end() -> None:
    assert commanded(command(0, mode="disarmed", until=60), command(1, mode="home")).mode_at(at(2)) == "home"


@pytest.mark.parametrize(
    ("cameras", "silent"), [([], {"front", "yard", "hall"}), (["yard"], {"yard"}), (["yard", "hall"], {"yard", "hall"})]
)
def test_of_a_snoozed_camera_nothing_is_told_until_its_time(cameras: list[str], silent: set[str]) -> None:
    modes = commanded(command(0, snooze=cameras, until=60))

    assert {camera for camera in ("front", "yard", "hall") if why(modes, 59, camera)} == silent
    assert {camera for camera in ("front", "yard", "hall") if why(modes, 60, camera)} == set()
    assert [one.camera or "all" for one in modes.report(at(59)).snoozes] == (cameras or ["all"])
    assert modes.report(at(60)).snoozes == []


def test_a_time_in_the_past_ends_a_snooze() -> None:
    both = command(0, snooze=["front", "yard"], until=1000)

    modes = commanded(both, command(10, snooze=["front"], until=5))
    assert (why(modes, 20, "front"), why(modes, 20, "yard")) == (None, "snoozed")
    modes = commanded(both, command(10, snooze=[], until=5))
    assert (why(modes, 20, "front"), why(modes, 20, "yard")) == (None, None)


def test_a_snooze_and_a_mode_leave_each_other_alone() -> None:
    modes = commanded(command(0, snooze=["front"], until=60), command(1, mode="disarmed"), command(2, mode="armed"))

    assert why(modes, 30) == "snoozed"
    assert modes.mode_at(at(30)) == "armed"


@pytest.mark.parametrize("mode", ["armed", "home", "disarmed"])
def test_that_a_camera_can_not_see_is_told_in_every_mode_unless_it_is_snoozed(mode: str) -> None:
    modes = commanded(command(0, mode=mode), command(1, snooze=["yard"], until=60))

    assert modes.silence(camera_event(30, camera="hall"), at(30)) is None
    assert modes.silence(camera_event(30, camera="yard"), at(30)) == "snoozed"


def test_what_was_seen_during_a_snooze_is_not_told_after_it_because_it_was_late() -> None:
    modes = commanded(command(0, snooze=[], until=60))

    assert why(modes, 59, now=3600) == "snoozed"
    assert why(modes, 61, now=3600) is None


def test_a_clock_that_is_ahead_ends_no_snooze() -> None:
    assert why(commanded(command(0, snooze=[], until=60)), 3600, now=30) == "snoozed"


def test_a_command_that_comes_again_is_not_carried_out_again() -> None:
    off, on = command(0, mode="disarmed"), command(1, mode="armed")

    assert commanded(off, on, off).mode_at(at(2)) == "armed"


def test_many_cameras_and_commands_take_bounded_room() -> None:
    modes = commanded(*(command(n, snooze=[f"c{n}"], until=10_000 + n) for n in range(MOST_CAMERAS + 50)))

    assert modes.state
    assert len(modes.state.cameras_until) == MOST_CAMERAS
    assert len(modes.state.ids) == IDS
    assert why(modes, 400, f"c{MOST_CAMERAS + 49}") == "snoozed"


def test_who_gave_the_last_command_is_reported() -> None:
    report = commanded(command(0, mode="home"), command(5, mode="disarmed", who="bob", origin="bot")).report(at(6))

    assert (report.mode, report.who, report.origin) == ("disarmed", "bob", "bot")
    assert (report.changed, report.ts_ms) == (at(5).timestamp() * 1000, at(6).timestamp() * 1000)


#: Armed from 20:00 to 06:00; NOON is in winter, when Berlin is an hour ahead.
NIGHTS = Schedule("20:00-06:00", ZoneInfo("Europe/Berlin"))
HOUR = 3600.0


def by_night(*commands: CommandEvent) -> Modes:
    modes = Modes(["hall"], NIGHTS)
    for one in commands:
        modes.obey(one, one.time)
    return modes


def modes_at(modes: Modes, *hours: float) -> list[str]:
    """The mode so many hours after noon."""
    return [modes.mode_at(at(hour * HOUR)) for hour in hours]


def test_a_schedule_arms_by_itself() -> None:
    assert modes_at(by_night(), 0, 6.9, 7, 16.9, 17) == ["disarmed", "disarmed", "armed", "armed", "disarmed"]
    assert by_night().report(NOON).until == at(7 * HOUR).timestamp() * 1000


def test_a_command_holds_until_the_next_change_of_the_schedule() -> None:
    modes = by_night(command(0, mode="home"))

    assert modes_at(modes, 0, 6.9, 7, 17) == ["home", "home", "armed", "disarmed"]
    assert modes.report(NOON).until == at(7 * HOUR).timestamp() * 1000


def test_a_command_with_an_end_holds_over_changes_of_the_schedule() -> None:
    modes = by_night(command(0, mode="home", until=20 * HOUR))

    assert modes_at(modes, 0, 7, 19.9, 20, 32) == ["home", "home", "home", "disarmed", "armed"]
    assert modes.report(NOON).until == at(20 * HOUR).timestamp() * 1000


def test_after_the_end_the_command_before_holds_if_the_schedule_has_not_changed() -> None:
    modes = by_night(command(0, mode="armed"), command(1, mode="home", until=HOUR))

    assert modes_at(modes, 0.5, 1, 6.9, 17) == ["home", "armed", "armed", "disarmed"]


def test_who_was_seen_by_night_is_told_in_the_morning() -> None:
    late = 17.5 * HOUR

    assert why(by_night(), 16 * HOUR, now=late) is None
    assert why(by_night(), 17.1 * HOUR, now=late) == "disarmed"


def again(state: State) -> State:
    """As the journal has it."""
    entry = JournalEntry.decode(JournalEntry.of_state(state).encode())
    assert entry.state is not None
    return entry.state


moments, ids = st.integers(0, 200), st.sampled_from([f"c{n}" for n in range(12)])
in_mode = st.sampled_from(["armed", "home", "disarmed"])
snoozed = st.lists(st.sampled_from(["front", "yard", "hall"]), unique=True)
commands = st.one_of(
    st.builds(command, moments, mode=in_mode, until=st.none() | moments, id_=ids),
    st.builds(command, moments, snooze=snoozed, until=moments, id_=ids),
)


@given(given_=st.lists(commands), restarts=st.sets(st.integers(0, 20)), times=st.lists(st.integers(0, 300), min_size=3))
def test_a_notifier_that_restarts_knows_the_same_and_an_older_entry_changes_nothing(
    given_: list[CommandEvent], restarts: set[int], times: list[int]
) -> None:
    steady, restarted = Modes(["hall"]), Modes(["hall"])
    states: list[State] = []
    for number, one in enumerate(given_):
        if number in restarts and states:
            restarted = Modes(["hall"])
            for state in (states[-1], *states):  # written again, and read in any order
                restarted.recall(again(state))
        states.append(steady.obey(one, one.time))
        restarted.obey(one, one.time)

    assert restarted.state == steady.state
    for seconds in times:
        for camera in ("front", "yard", "hall"):
            assert why(restarted, seconds, camera) == why(steady, seconds, camera)


@given(given_=st.lists(commands, max_size=20), seconds=st.integers(0, 300), camera=st.sampled_from(["front", "hall"]))
def test_the_last_words_on_mode_and_camera_decide(given_: list[CommandEvent], seconds: int, camera: str) -> None:
    """The rule once more, in other words."""
    first: dict[str, CommandEvent] = {}
    for one in given_:
        first.setdefault(one.id, one)
    mode = standing = "armed"
    instant = at(seconds)
    own: datetime | None = None
    everyone: datetime | None = None
    for one in first.values():
        if one.data.snooze:
            if not one.data.snooze.cameras:
                own, everyone = None, one.data.snooze.until
            elif camera in one.data.snooze.cameras:
                own = one.data.snooze.until
        elif one.data.until:
            mode = one.data.mode or "" if instant < one.data.until else standing
        else:
            mode = standing = one.data.mode or ""
    asleep = any(end is not None and instant < end for end in (own, everyone))

    expected = "snoozed" if asleep else {"armed": None, "disarmed": "disarmed", "home": "home" if camera == "hall" else None}[mode]
    assert why(commanded(*given_), seconds, camera, now=seconds + 3600) == expected
