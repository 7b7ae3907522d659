"""One visit, one message: workers, the notifier and the page hold the same rule, put together without a broker.

The workers' reports, the notifier's judgement and the page's rows are the real ones; the broker is a list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seccam import message
from seccam.frame import Frame
from seccam.message import AnyEvent, FaceData, FaceEvent, PresenceData, decode_event
from seccam_notifier.memory import JournalEntry, Memory
from seccam_security.presence import Presence, Report

GAP = 60.0
#: Noon, in seconds since 1970 UTC.
START = 1_767_268_800.0
#: Seconds between two security frames.
STEP = 0.5
#: The number of the notifier, behind those of up to five workers.
NOTIFIER = 5


@dataclass
class Worker:
    """A security worker's reports about one camera."""

    name: str
    presence: Presence
    faces: int = 0
    seen: int = 0


class House:
    """One camera, some workers, a notifier, a page."""

    def __init__(self, workers: int = 1, *, gap: float = GAP, reminder: float = 0.0) -> None:
        self._gap, self._reminder = gap, reminder
        self._workers = [Worker(f"worker{number}", Presence()) for number in range(workers)]
        self._turns = itertools.cycle(range(workers))
        self._sequence = itertools.count()
        self._journal: list[bytes] = []
        self._memory = Memory(gap)
        #: (time since START, faces) of each notification.
        self.messages: list[tuple[float, int]] = []

    def frames(self, faces: Iterable[int]) -> None:
        """Security frames with so many faces, STEP apart; each goes to the next worker."""
        for count in faces:
            self.frame(count)

    def frame(self, faces: int) -> None:
        """One frame."""
        seq = next(self._sequence)
        now = START + seq * STEP
        for worker in self._workers:
            self._publish(worker, *worker.presence.leave(now, gap=self._gap), now)
        worker = self._workers[next(self._turns)]
        if faces:
            worker.faces, worker.seen = faces, seq
        self._publish(worker, *worker.presence.see(faces, now, analysed=True, gap=self._gap, reminder=self._reminder), now)

    def restart(self, part: int) -> None:
        """Restart a worker, by its number, or the notifier."""
        if part == NOTIFIER:
            self._restart_notifier()
        else:
            self._restart_worker(part)

    def _restart_worker(self, number: int) -> None:
        """It stops in order, and a new one takes its place."""
        worker = self._workers[number % len(self._workers)]
        self._publish(worker, *worker.presence.close(), START)
        worker.presence = Presence()

    def _restart_notifier(self) -> None:
        """It is killed, and the next one reads the journal."""
        self._memory = Memory(self._gap)
        for body in self._journal:
            self._memory.record(JournalEntry.decode(body))

    def _publish(self, worker: Worker, report: Report | None, after: Presence, now: float) -> None:
        worker.presence = after
        if report is not None:
            assert after.visit is not None
            began = datetime.fromtimestamp(after.visit.began, UTC)
            self.deliver(decode_event(self._event(worker, report, began, after.visit.seen, now).encode()))

    @staticmethod
    def _event(worker: Worker, report: Report, began: datetime, seen: float, now: float) -> message.Event:
        frame = Frame("front", "b00t", worker.seen, b"", 640, 360, None)
        identity = message.FrameIdentity(boot_id=frame.boot_id, seq=frame.seq)
        if report.is_news:
            boxes = [(10, 10, 40, 40)] * worker.faces
            data = FaceData(
                camera="front",
                frame=identity,
                size=(640, 360),
                faces=worker.faces,
                boxes=boxes,
                scores=[0.9] * worker.faces,
                worker=worker.name,
                visit_began=began,
            )
            return message.face_event(frame, round(now * 1000), data)
        presence = PresenceData(camera="front", frame=identity, faces=worker.faces, visit_began=began, worker=worker.name)
        return message.presence_event(presence, round(seen * 1000), present=report is Report.PRESENT)

    def deliver(self, event: AnyEvent) -> None:
        """To the notifier."""
        notify = False
        if isinstance(event, FaceEvent):
            notify = self._memory.judge(event, event.time, reminder=self._reminder) == "notify"
            if notify:
                self.messages.append((event.time.timestamp() - START, event.data.faces))
        entry = self._memory.record(JournalEntry.of(event, "notified" if notify else "suppressed"))
        self._journal.append(entry.encode())


def seconds(count: float, faces: int) -> list[int]:
    """So many seconds of frames."""
    return [faces] * round(count / STEP)


HOUR = 3600


@pytest.mark.parametrize("workers", [1, 5])
@pytest.mark.parametrize(
    ("frames", "messages"),
    [
        pytest.param(seconds(HOUR, 1), 1, id="one face that stays for an hour"),
        pytest.param((seconds(20, 1) + seconds(50, 0)) * (HOUR // 70), 1, id="it leaves for less than the gap, all the time"),
        pytest.param(seconds(300, 1) + seconds(70, 0) + seconds(300, 1), 2, id="it leaves for longer than the gap and returns"),
        pytest.param(seconds(300, 1) + seconds(300, 2) + seconds(300, 1), 2, id="a second face joins and leaves again"),
        pytest.param(seconds(100, 2) + seconds(100, 1) + seconds(100, 2), 1, id="one of two faces leaves and comes back"),
        pytest.param([1, 0, 0, 1, 0] * (HOUR // 5), 1, id="a face that flickers at the detector's threshold"),
        pytest.param(seconds(HOUR, 0), 0, id="nobody"),
    ],
)
def test_an_hour_makes_as_many_messages_as_there_is_news(workers: int, frames: list[int], messages: int) -> None:
    house = House(workers)
    house.frames(frames)

    assert len(house.messages) == messages


@pytest.mark.parametrize("workers", [1, 5])
def test_reminders_come_while_a_visit_lasts_and_no_more_often(workers: int) -> None:
    house = House(workers, reminder=600)
    house.frames(seconds(HOUR, 1))

    times = [time for time, _ in house.messages]
    assert len(times) in range(5, 7)
    assert all(later - earlier >= 600 for earlier, later in itertools.pairwise(times))


#: Stretches of (seconds, faces): long enough for each of five workers to have two frames of them in a row.
STRETCHES = st.lists(st.tuples(st.integers(6, 150), st.integers(0, 3)), min_size=1, max_size=12)


def expected(stretches: list[tuple[int, int]]) -> Iterator[int]:
    """The faces of the notifications that are due."""
    absent, told = GAP + 1, 0
    for length, faces in stretches:
        if not faces:
            absent += length
            continue
        if absent + STEP > GAP:
            told = 0
        absent = 0.0
        if faces > told:
            told = faces
            yield faces


@settings(max_examples=60)
@given(STRETCHES, st.sampled_from([1, 2, 5]), st.lists(st.tuples(st.integers(0, 1800), st.integers(0, NOTIFIER)), max_size=4))
def test_messages_are_the_news_of_each_visit_however_many_workers_there_are_and_whatever_restarts(
    stretches: list[tuple[int, int]], workers: int, restarts: list[tuple[int, int]]
) -> None:
    house = House(workers)
    frames = [faces for length, faces in stretches for faces in seconds(length, faces)]
    by_frame = {at * 2: number for at, number in restarts}
    for index, faces in enumerate(frames):
        if index in by_frame:
            house.restart(by_frame[index])
        house.frame(faces)

    assert [faces for _, faces in house.messages] == list(expected(stretches))
