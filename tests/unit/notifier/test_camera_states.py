"""What is told of a camera's own state: its events in, verdicts out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seccam.message import CAMERA_CLEARED, CAMERA_COVERED, CAMERA_FROZEN, CameraEvent
from seccam_notifier.memory import JournalEntry, Memory
from seccam_security.sight import CLEAR_SECONDS, Look, Sight
from tests.unit.notifier.events import NOON, camera_event

COVERED, FROZEN = 10.0, 30.0
FPS = 2.0

Recorded = Literal["notified", "suppressed", "requeued", "parked"]


def judge(event: CameraEvent, memory: Memory, **options: Any) -> str:
    return memory.judge(event, NOON, reminder=0, **options)


def told_of(events: Iterable[CameraEvent], memory: Memory | None = None) -> list[CameraEvent]:
    """Those that are notified where every notification gets there."""
    memory, told = memory or Memory(60), []
    for event in events:
        verdict = judge(event, memory)
        if verdict == "notify":
            told.append(event)
        if verdict != "duplicate":
            memory.record(JournalEntry.of(event, "notified" if verdict == "notify" else "suppressed"))
    return told


def bad(seconds: float, kind: str = "covered", **more: Any) -> CameraEvent:
    return camera_event(seconds, kind=kind, **more)


def good(seconds: float, kind: str = "cleared", **more: Any) -> CameraEvent:
    return camera_event(seconds, kind=kind, **more)


@pytest.mark.parametrize(
    ("known", "event", "verdict"),
    [
        # the first that is heard of a camera is news, unless the sender doesn't know either whether it ever was otherwise
        ([], bad(0), "notify"),
        ([], bad(0, initial=True), "notify"),
        ([], good(0), "notify"),
        ([], good(0, initial=True), "suppress"),
        # a change is news, what is known already isn't
        ([(bad(0), "notified")], bad(5), "suppress"),
        ([(bad(0), "notified")], good(5), "notify"),
        ([(bad(0), "notified")], good(5, initial=True), "notify"),
        ([(bad(0), "notified")], bad(5, "frozen"), "notify"),
        ([(bad(0), "notified"), (good(5), "notified")], good(6), "suppress"),
        ([(bad(0), "notified"), (good(5), "notified")], bad(6), "notify"),
        ([(good(0, initial=True), "suppressed")], good(5), "suppress"),
        ([(good(0, initial=True), "suppressed")], bad(5), "notify"),
        # an event that is older than what is known comes too late; so does one of the same time
        ([(bad(0), "notified"), (good(5), "notified")], bad(4), "suppress"),
        ([(bad(0), "notified"), (good(5), "notified")], bad(5), "suppress"),
        ([(bad(0), "notified"), (bad(9), "suppressed")], good(8), "suppress"),
        ([(bad(0), "notified"), (bad(9), "suppressed")], good(10), "notify"),
        # the end of what nobody was told of is no news; that it lasts is
        ([(bad(0), "parked")], good(5), "suppress"),
        ([(bad(0), "parked")], bad(5), "notify"),
        ([(bad(0), "requeued")], good(5), "notify"),
        ([(bad(0), "requeued")], bad(5), "suppress"),
        ([(bad(0), "requeued"), (bad(5), "suppressed"), (bad(0), "parked")], good(6), "suppress"),
        # another copy of an event that waits for its next attempt
        ([(bad(0), "requeued")], bad(0), "notify"),
        # whether frames come is another matter than what they show, and another camera's state is its own
        ([(bad(0), "notified")], bad(5, "offline"), "notify"),
        ([(bad(0, "offline"), "notified")], bad(5, "offline"), "suppress"),
        ([(bad(0, "offline"), "notified")], good(5), "notify"),
        ([(bad(0, "offline"), "notified")], good(5, "online"), "notify"),
        ([(bad(0), "notified")], bad(5, camera="yard"), "notify"),
    ],
)
def test_what_becomes_of_an_event_of_a_camera(known: list[tuple[CameraEvent, Recorded]], event: CameraEvent, verdict: str) -> None:
    memory = Memory(60)
    for one, outcome in known:
        memory.record(JournalEntry.of(one, outcome))

    assert judge(event, memory) == verdict


def test_the_states_are_bounded() -> None:
    memory = Memory(60, cameras=3)
    for n in range(10):
        memory.record(JournalEntry.of(bad(n, camera=f"c{n}"), "notified"))

    assert judge(bad(20, camera="c9"), memory) == "suppress"
    assert judge(bad(20, camera="c0"), memory) == "notify"


class Workers:
    """Several workers that share the frames of one camera, and their events in the order in which they say them."""

    def __init__(self, count: int) -> None:
        self._sights = [Sight() for _ in range(count)]
        self.said: list[CameraEvent] = []

    def see(self, worker: int, look: Look) -> None:
        change, self._sights[worker] = self._sights[worker].see(look, covered=COVERED, frozen=FROZEN)
        if change:
            event = camera_event(change.time, kind=change.state.rpartition(".")[2], initial=change.initial)
            self.said.append(event.model_copy(update={"id": f"{event.id}-{worker}-{look.seq}"}))

    def restart(self, worker: int) -> None:
        self._sights[worker] = Sight()


def look(seq: int, state: str) -> Look:
    """A frame of a camera in this state."""
    detail = 0.1 if state == CAMERA_COVERED else 9.0
    return Look(seq / FPS, "boot", seq, detail, digest=-1 if state == CAMERA_FROZEN else seq)


phases = st.lists(
    st.tuples(st.sampled_from([CAMERA_COVERED, CAMERA_FROZEN, CAMERA_CLEARED]), st.integers(80, 150)), min_size=1, max_size=5
)


@settings(deadline=None, max_examples=40)
@given(st.integers(), phases, st.integers(1, 6))
def test_each_change_is_one_message_however_many_workers_share_the_frames(
    seed: int, phases: list[tuple[str, int]], count: int
) -> None:
    """Each frame goes to any worker, workers restart, and what they say of one phase comes in any order."""
    chance, workers, arrived, seq = Random(seed), Workers(count), list[CameraEvent](), 0
    for state, seconds in phases:
        for frame in range(int(seconds * FPS)):
            seq += 1
            workers.see(chance.randrange(count), look(seq, state))
            if frame < 20 * FPS and chance.random() < 0.03:
                workers.restart(chance.randrange(count))
        chance.shuffle(workers.said)
        arrived, workers.said = arrived + workers.said, []
    changes = [state for n, (state, _) in enumerate(phases) if state != (phases[n - 1][0] if n else CAMERA_CLEARED)]

    assert [event.type for event in told_of(arrived)] == changes
    shuffled = [*arrived]
    chance.shuffle(shuffled)
    told = [event.type for event in told_of(shuffled)]
    assert all(one != next_ for one, next_ in itertools.pairwise(told))
    assert len(told) <= len(changes)


@pytest.mark.parametrize("swap_every", [40, 61, 100])
def test_workers_that_contradict_each_other_make_one_message(swap_every: int) -> None:
    """Every other picture is black, and each of two workers gets either the black ones or the others, in turns."""
    workers, swaps = Workers(2), range(0, 7200, swap_every)
    for seq in range(7200):
        black = seq % 2
        turned = sum(1 for swap in swaps if swap <= seq) % 2
        workers.see((black + turned) % 2, look(seq, CAMERA_COVERED if black else CAMERA_CLEARED))

    assert len(workers.said) > 100
    assert [event.type for event in told_of(workers.said)] == [CAMERA_COVERED]


def test_a_worker_that_starts_after_the_trouble_says_that_it_is_over() -> None:
    workers = Workers(1)
    for seq in range(60):
        workers.see(0, look(seq, CAMERA_COVERED))
    workers.restart(0)
    for seq in range(60, 60 + int(FPS * CLEAR_SECONDS) + 1):
        workers.see(0, look(seq, CAMERA_CLEARED))

    assert [event.type for event in told_of(workers.said)] == [CAMERA_COVERED, CAMERA_CLEARED]
