"""What becomes of an event: events in, verdicts out."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.errors import BadMessage
from seccam.message import AnyEvent, CameraEvent, FaceEvent, PresenceEvent
from seccam_notifier.memory import JournalEntry, Memory, Verdict
from tests.unit.notifier.events import NOON, camera_event, face, presence

GAP = 60.0

Recorded = Literal["notified", "suppressed", "requeued", "parked"]


def remembering(*records: tuple[AnyEvent, Recorded]) -> Memory:
    memory = Memory(GAP)
    for event, outcome in records:
        memory.record(JournalEntry.of(event, outcome))
    return memory


def judge(event: FaceEvent | CameraEvent, memory: Memory, **options: Any) -> Verdict:
    return memory.judge(event, NOON, **{"reminder": 0, **options})


FIRST = face(0, id_="first")


@pytest.mark.parametrize(
    ("known", "event", "verdict"),
    [
        # the beginning of a visit is news
        ([], face(0), "notify"),
        # a further event of the visit is none, be it a little older
        ([(FIRST, "notified")], face(60), "suppress"),
        ([(FIRST, "notified")], face(-5), "suppress"),
        # unless it shows more faces than any notification has told
        ([(FIRST, "notified")], face(5, faces=2), "notify"),
        ([(FIRST, "notified"), (face(5, faces=3), "notified")], face(6, faces=3), "suppress"),
        ([(FIRST, "notified"), (face(5, faces=3), "notified")], face(6, faces=4), "notify"),
        # what was suppressed raises nothing
        ([(FIRST, "notified"), (face(5, faces=1), "suppressed")], face(6, faces=2), "notify"),
        # a visit lasts while faces are seen, and ends with a gap
        ([(FIRST, "notified"), (face(50), "suppressed")], face(110), "suppress"),
        ([(FIRST, "notified"), (presence(50), "suppressed")], face(110), "suppress"),
        ([(FIRST, "notified"), (presence(3600), "suppressed")], face(3660), "suppress"),
        ([(FIRST, "notified"), (presence(50, kind="seccam.face.gone"), "suppressed")], face(111), "notify"),
        ([(FIRST, "notified")], face(61), "notify"),
        # a worker knows of a visit whose beginning was notified long ago
        ([(FIRST, "notified")], face(3600, began=10), "suppress"),
        # presence that comes before the event of the visit's beginning takes nothing from it
        ([(presence(5), "suppressed")], face(0), "notify"),
        # another camera's visits are its own
        ([(FIRST, "notified")], face(5, camera="yard"), "notify"),
        # an event that waits for its next attempt counts as notified; one that was parked does not
        ([(FIRST, "requeued")], face(5), "suppress"),
        ([(FIRST, "requeued"), (FIRST, "parked")], face(5), "notify"),
        (
            [(FIRST, "notified"), (face(5, faces=2, id_="two"), "requeued"), (face(5, faces=2, id_="two"), "parked")],
            face(6, faces=2),
            "notify",
        ),
        # the same event again
        ([(FIRST, "notified")], FIRST, "duplicate"),
        ([(FIRST, "notified"), (face(3), "suppressed")], face(3), "duplicate"),
        # the same event again, before anybody was notified of it
        ([(FIRST, "requeued")], FIRST, "notify"),
        # an event of a camera itself is notified if it is news: see test_camera_states.py
        ([(FIRST, "notified")], camera_event(5), "notify"),
        ([(camera_event(5), "notified")], camera_event(6), "suppress"),
        ([(camera_event(5), "notified")], camera_event(6, kind="online"), "notify"),
        ([(camera_event(5), "notified")], camera_event(5), "duplicate"),
        ([(camera_event(5), "notified")], face(6), "notify"),
        # a camera's clock that is ahead changes nothing
        ([], face(7200), "notify"),
        # too old to be news
        ([], face(-86_401), "too_old"),
        ([], face(-86_399), "notify"),
    ],
)
def test_what_becomes_of_an_event(known: list[tuple[AnyEvent, Recorded]], event: FaceEvent | CameraEvent, verdict: str) -> None:
    assert judge(event, remembering(*known)) == verdict


def test_a_visit_that_goes_on_is_notified_again_only_as_a_reminder() -> None:
    memory = remembering((FIRST, "notified"), *((presence(n * 20), "suppressed") for n in range(100)))

    assert judge(face(1800), memory, reminder=0) == "suppress"
    assert judge(face(1799), memory, reminder=1800) == "suppress"
    assert judge(face(1800), memory, reminder=1800) == "notify"


def test_a_retry_is_not_judged_again() -> None:
    """Another copy was suppressed while it waited: that did not decide on this one."""
    memory = remembering((FIRST, "notified"), (face(3), "suppressed"))

    assert judge(face(3), memory, attempt=1) == "notify"
    assert judge(face(7), memory, attempt=1) == "notify"
    assert judge(FIRST, memory, attempt=1) == "duplicate"
    assert judge(face(-90_000), memory, attempt=1) == "too_old"


def test_a_replayed_event_is_notified_however_old_unless_it_was_notified() -> None:
    memory = remembering((FIRST, "notified"))

    assert judge(face(5), memory, replayed=True) == "notify"
    assert judge(face(-90_000), memory, replayed=True) == "notify"
    assert judge(FIRST, memory, replayed=True) == "duplicate"


def test_an_event_that_was_notified_stays_so_when_a_copy_is_suppressed() -> None:
    memory = remembering((FIRST, "notified"), (FIRST, "suppressed"))

    assert judge(FIRST, memory, attempt=1) == "duplicate"


arrivals = st.lists(
    st.tuples(st.integers(0, 600), st.integers(1, 5), st.sampled_from(["front", "yard"])),
    min_size=1,
    max_size=60,
    unique_by=lambda a: a[0],
)


def visits_of(events: list[FaceEvent]) -> list[list[FaceEvent]]:
    """The events of each visit, in the order of their times."""
    found: list[list[FaceEvent]] = []
    for camera in sorted({event.data.camera for event in events}):
        for event in sorted((e for e in events if e.data.camera == camera), key=lambda e: e.time):
            if not found or found[-1][-1].data.camera != camera or (event.time - found[-1][-1].time).total_seconds() > GAP:
                found.append([])
            found[-1].append(event)
    return found


def notified_of(events: list[FaceEvent]) -> list[FaceEvent]:
    """Those that are notified where every notification gets there."""
    memory, notified = Memory(GAP), []
    for event in events:
        news = judge(event, memory) == "notify"
        memory.record(JournalEntry.of(event, "notified" if news else "suppressed"))
        notified += [event] if news else []
    return notified


@given(arrivals)
def test_each_visit_is_notified_once_and_once_more_for_each_higher_count(seen: list[tuple[int, int, str]]) -> None:
    events = [face(time, faces=faces, camera=camera) for time, faces, camera in sorted(seen)]
    notified = notified_of(events)

    for visit in visits_of(events):
        counts = [event.data.faces for event in visit]
        rises = [n for n, count in enumerate(counts) if count > max(counts[:n], default=0)]
        assert [event for event in visit if event in notified] == [visit[n] for n in rises]


@given(arrivals, st.randoms())
def test_the_highest_count_of_a_visit_is_notified_in_whatever_order_events_come(
    seen: list[tuple[int, int, str]], random: Any
) -> None:
    events = [face(time, faces=faces, camera=camera) for time, faces, camera in seen]
    random.shuffle(events)
    notified = notified_of(events)

    for visit in visits_of(events):
        told = [event.data.faces for event in visit if event in notified]
        assert max(told) == max(event.data.faces for event in visit)


Step = tuple[FaceEvent | PresenceEvent | CameraEvent, int, Recorded]

times = st.integers(0, 900)
cameras = st.sampled_from(["front", "yard"])
faces_events = st.builds(
    lambda time, faces, camera, back: face(time, faces=faces, camera=camera, began=time - back),
    times,
    st.integers(1, 3),
    cameras,
    st.integers(0, 100),
)
presence_events = st.builds(
    lambda time, back, camera, kind: presence(time, began=time - back, camera=camera, kind=kind),
    times,
    st.integers(0, 100),
    cameras,
    st.sampled_from(["seccam.face.present", "seccam.face.gone"]),
)
camera_events = st.builds(
    camera_event, times, kind=st.sampled_from(["offline", "online", "covered", "frozen", "cleared"]), camera=cameras
)
steps = st.lists(
    st.tuples(
        faces_events | presence_events | camera_events,
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(["notified", "notified", "requeued", "parked"]),
    ),
    max_size=60,
)


def live(memory: Memory, step: Step, journal: list[bytes]) -> str:
    """What becomes of one event, with the outcome that its step has where it is to be notified."""
    event, attempt, luck = step
    verdict = "suppress" if isinstance(event, PresenceEvent) else judge(event, memory, attempt=attempt, reminder=300)
    outcome: dict[str, Recorded] = {"notify": luck, "suppress": "suppressed", "too_old": "parked"}
    if verdict == "duplicate":
        return verdict
    journal.append(memory.record(JournalEntry.of(event, outcome[verdict])).encode())
    return outcome[verdict]


@given(steps, st.integers(0, 60), st.integers(0, 5))
def test_a_memory_read_from_the_journal_decides_as_the_one_that_lived_through_it(steps: list[Step], cut: int, again: int) -> None:
    lived, journal = Memory(GAP), list[bytes]()
    for step in steps[:cut]:
        live(lived, step, journal)
    read = Memory(GAP)
    for body in [*journal, *journal[-again:]]:  # a reading that broke off begins again
        read.record(JournalEntry.decode(body))

    outcomes = [live(lived, step, journal) for step in steps[cut:]]

    assert [live(read, step, []) for step in steps[cut:]] == outcomes


def test_a_visit_longer_than_the_journal_goes_back_stays_known() -> None:
    lived, journal = Memory(GAP), list[bytes]()
    live(lived, (face(0, faces=2), 0, "notified"), journal)
    for n in range(1, 4000):
        live(lived, (presence(n * 20, began=max(0, n * 20 - 600)), 0, "notified"), journal)
    read = Memory(GAP)
    for body in journal[-10:]:
        read.record(JournalEntry.decode(body))

    assert judge(face(4000 * 20, faces=2), read) == "suppress"
    assert judge(face(4000 * 20, faces=3), read) == "notify"


@pytest.mark.parametrize(
    ("outcome", "event", "verdict"),
    [
        ("notified", face(0, id_="first"), "duplicate"),
        ("cooldown", face(0, id_="first"), "duplicate"),
        ("notified", face(30), "suppress"),
        ("notified", face(30, faces=3), "notify"),
        ("cooldown", face(30), "notify"),
    ],
)
def test_entries_of_the_first_version_are_understood(outcome: str, event: FaceEvent, verdict: str) -> None:
    entry = {"id": "first", "kind": "face", "camera": "front", "faces": 2, "time": NOON.isoformat(), "outcome": outcome}
    memory = Memory(GAP)

    memory.record(JournalEntry.decode(json.dumps(entry).encode()))

    assert judge(event, memory) == verdict


def test_the_memory_is_bounded() -> None:
    memory = Memory(GAP, ids=10, cameras=3)
    for n in range(100):
        memory.record(JournalEntry.of(face(n * 100, camera=f"c{n}"), "notified"))

    known = [n for n in range(100) if memory.outcome(f"c{n}-b-{n * 100}-1")]
    assert known == list(range(90, 100))
    assert judge(face(9901, camera="c99"), memory) == "suppress"
    assert judge(face(1, camera="c0"), memory) == "notify"


def test_presence_takes_no_room_from_the_events_that_are_known() -> None:
    memory = Memory(GAP, ids=10)
    memory.record(JournalEntry.of(FIRST, "notified"))
    for n in range(100):
        memory.record(JournalEntry.of(presence(n), "suppressed"))

    assert judge(FIRST, memory) == "duplicate"


@pytest.mark.parametrize("body", [b'{"mark": "1"}', b"", b"[]", b'{"id": 1}', b"\xff", b'{"kind": "cat"}', b'{"kind": ["face"]}'])
def test_a_readers_mark_in_the_journal_is_no_entry(body: bytes) -> None:
    with pytest.raises(BadMessage):
        JournalEntry.decode(body)
