"""One visit, one message: workers, the notifier and the page hold the same rule, put together without a broker.

The workers' reports, the notifier's judgement and the page's rows are the real ones; the broker is a list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seccam import message
from seccam.frame import Frame
from seccam.message import AnyEvent, FaceData, FaceEvent, PresenceData, PresenceEvent, decode_event
from seccam_monitor.ingest.visits import VisitList
from seccam_notifier.memory import JournalEntry, Memory
from seccam_security.presence import Presence, Report

GAP = 60.0
#: Noon, in seconds since 1970 UTC.
START = 1_767_268_800.0
#: Seconds between two security frames.
STEP = 0.5
#: The numbers of the parts that may restart: workers from 0 to 4, and these.
NOTIFIER, PAGE = 5, 6


@dataclass
class Worker:
    """A security worker's reports about one camera."""

    name: str
    presence: Presence
    faces: int = 0
    agreed: int = 0
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
        #: Everything that the workers have published.
        self.events: list[AnyEvent] = []
        self._page = VisitList(gap)
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
            worker.faces, worker.seen, worker.agreed = faces, seq, worker.presence.agreed(faces)
        self._publish(worker, *worker.presence.see(faces, now, analysed=True, gap=self._gap, reminder=self._reminder), now)

    def restart(self, part: int) -> None:
        """Restart a worker, by its number, the notifier or the page."""
        if part == NOTIFIER:
            self._restart_notifier()
        elif part == PAGE:
            self._restart_page()
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

    def _restart_page(self) -> None:
        """It is killed, and the next one reads the stream, which holds no reports that faces are present."""
        self._page = VisitList(self._gap)
        for event in self.events:
            if event.type != message.FACE_PRESENT:
                self._list(event)

    def rows(self) -> list[tuple[float, float, int]]:
        """The page's list, oldest first: when each visit began and ended, seconds since START, and its faces."""
        return [(row.visit.began - START, row.visit.seen - START, row.faces) for row in self._page.last()]

    def _list(self, event: AnyEvent) -> None:
        assert isinstance(event, FaceEvent | PresenceEvent)
        self._page.add(event, captured=event.time.timestamp(), published=None)

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
                agreed=worker.agreed,
                visit_began=began,
            )
            return message.face_event(frame, round(now * 1000), data)
        presence = PresenceData(camera="front", frame=identity, faces=worker.faces, visit_began=began, worker=worker.name)
        return message.presence_event(presence, round(seen * 1000), present=report is Report.PRESENT)

    def deliver(self, event: AnyEvent) -> None:
        """To the notifier and the page."""
        self.events.append(event)
        self._list(event)
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


@pytest.mark.parametrize("workers", [1, 2, 5])
@given(st.lists(st.booleans(), min_size=20, max_size=200))
@settings(max_examples=30)
def test_a_second_face_that_no_worker_sees_twice_in_a_row_makes_no_message(workers: int, flickers: list[bool]) -> None:
    house = House(workers)
    house.frame(1)
    # each worker has a frame of one face between two frames in which it may see a second one
    house.frames(count for flicker in flickers for count in [1 + flicker] * workers + [1] * workers)

    assert house.messages == [(0, 1)]
    assert [faces for _, _, faces in house.rows()] == [1]


@pytest.mark.parametrize("workers", [1, 5])
def test_reminders_come_while_a_visit_lasts_and_no_more_often(workers: int) -> None:
    house = House(workers, reminder=600)
    house.frames(seconds(HOUR, 1))

    times = [time for time, _ in house.messages]
    assert len(times) in range(5, 7)
    assert all(later - earlier >= 600 for earlier, later in itertools.pairwise(times))


#: Stretches of (seconds, faces): long enough for each of five workers to have two frames of them in a row.
STRETCHES = st.lists(st.tuples(st.integers(6, 150), st.integers(0, 3)), min_size=1, max_size=12)


@dataclass
class ExpectedVisit:
    """A visit as it was, and the faces of each notification that it calls for."""

    began: float
    seen: float
    news: list[int]


def expected(frames: list[int]) -> list[ExpectedVisit]:
    """The visits in these frames."""
    visits: list[ExpectedVisit] = []
    for index, faces in enumerate(frames):
        now = index * STEP
        if faces:
            if not visits or now - visits[-1].seen > GAP:
                visits.append(ExpectedVisit(now, now, [faces]))
            visit = visits[-1]
            visit.seen = now
            if faces > visit.news[-1]:
                visit.news.append(faces)
    return visits


@settings(max_examples=60)
@given(STRETCHES, st.sampled_from([1, 2, 5]), st.lists(st.tuples(st.integers(0, 1800), st.integers(0, PAGE)), max_size=4))
def test_messages_and_rows_are_the_visits_however_many_workers_there_are_and_whatever_restarts(
    stretches: list[tuple[int, int]], workers: int, restarts: list[tuple[int, int]]
) -> None:
    house = House(workers)
    frames = [faces for length, faces in stretches for faces in seconds(length, faces)] + seconds(GAP, 0)
    by_frame = {at * 2: part for at, part in restarts}
    for index, faces in enumerate(frames):
        if index in by_frame:
            house.restart(by_frame[index])
        house.frame(faces)

    visits = expected(frames)
    assert [faces for _, faces in house.messages] == [faces for visit in visits for faces in visit.news]
    assert house.rows() == [(visit.began, visit.seen, visit.news[-1]) for visit in visits]


def test_a_late_doubled_or_overtaken_report_makes_no_second_message() -> None:
    house = House()
    house.frames(seconds(100, 1) + seconds(30, 0))
    reports = house.events

    again = House()
    for event in [*reports[2:], *reports, *reversed(reports)]:
        again.deliver(event)

    assert len(again.messages) == 1
    assert [faces for _, _, faces in again.rows()] == [1]
    assert again.rows() == house.rows()
