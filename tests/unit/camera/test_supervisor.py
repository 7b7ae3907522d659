"""The supervisor that keeps a source open."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from seccam_camera import reader
from seccam_camera.reader import FIRST_FRAME_SECONDS, STALL_SECONDS
from seccam_camera.sources.base import TIMEOUT, Capture, SourceLost, SourceNotOpened
from seccam_camera.supervisor import BACKOFF, RELEASE_SECONDS, SourceStuck, SourceSupervisor
from tests.unit.camera.sources import Script, metrics
from tests.waiting import eventually


class Kept:
    """A supervisor of a scripted source."""

    def __init__(self) -> None:
        self.source, self.registry = Script(), CollectorRegistry()
        self.captures: list[Capture] = []
        self.supervisor = SourceSupervisor(self.source.open, self.captures.append, metrics(self.registry), "http://cam")
        #: Seconds by which the supervisor's clock is ahead.
        self.ahead = 0.0

    @property
    def now(self) -> float:
        return time.monotonic() + self.ahead

    def turn(self, wanted: bool = True) -> str:
        self.supervisor.run_once(wanted, self.now)
        return self.supervisor.state(self.now)

    def until(self, state: str, wanted: bool = True) -> None:
        eventually(lambda: self.turn(wanted) == state, what=state)

    def capture(self) -> None:
        """Give a picture, and wait until the source's thread has it."""
        before = len(self.captures)
        self.source.give()
        eventually(lambda: self.turn() and len(self.captures) > before)

    def count(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"seccam_camera_{name}", {"camera": "front", **labels})
        assert value is not None
        return value


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.source.let_go.set()
    made.supervisor.close(within=5)


def test_a_wanted_source_is_opened_and_live_from_the_first_frame(kept: Kept) -> None:
    assert kept.turn(wanted=False) == "closed"
    assert kept.turn() == "starting"

    kept.source.give()
    kept.until("live")

    assert kept.source.opened == 1
    assert kept.count("source_opens_total", outcome="ok") == 1


def test_a_source_that_is_not_wanted_is_closed_without_counting_as_lost(kept: Kept) -> None:
    kept.source.give()
    kept.until("live")

    assert kept.turn(wanted=False) == "closed"

    eventually(lambda: kept.source.closed == 1)
    kept.turn(wanted=False)
    assert sum(kept.count("source_lost_total", cause=cause) for cause in ("ended", "stalled", "error")) == 0


def test_a_source_that_refuses_is_away_with_the_reason_and_is_retried(kept: Kept) -> None:
    kept.source.refusal = SourceNotOpened("refused", "refused: nothing is listening there")
    kept.until("away")
    assert kept.supervisor.why == "refused: nothing is listening there"
    assert kept.count("source_opens_total", outcome="refused") == 1

    kept.source.refusal = None
    kept.source.give()
    kept.ahead += BACKOFF[0]
    kept.until("live")
    kept.turn()
    assert kept.supervisor.why == ""


def test_after_an_unexpected_error_the_source_is_reopened(kept: Kept) -> None:
    with capture_logs([format_exc_info]) as lines:
        kept.source.give()
        kept.until("live")
        kept.source.give(ZeroDivisionError("hunter2"))
        kept.until("away")

    assert kept.supervisor.why == "an error in the camera service (ZeroDivisionError); see its log"
    assert kept.count("source_lost_total", cause="error") == 1
    (failed,) = [line for line in lines if line["event"] == "reader_failed"]
    assert "in read" in failed["exception"], "the trace"
    assert failed["log_level"] == "error"
    eventually(lambda: kept.source.closed == 1)

    kept.source.give()
    kept.ahead += BACKOFF[0]
    kept.until("live")


def test_after_an_unexpected_error_while_opening_retries_back_off(kept: Kept) -> None:
    kept.source.refusal = ZeroDivisionError("hunter2")
    with capture_logs([format_exc_info]) as lines:
        kept.until("away")
        assert kept.count("source_opens_total", outcome="error") == 1
        kept.turn()
        assert kept.count("source_opens_total", outcome="error") == 1, "not at once"
        kept.ahead += BACKOFF[0]
        eventually(lambda: kept.turn() and kept.count("source_opens_total", outcome="error") == 2)

    assert kept.supervisor.why == "an error in the camera service (ZeroDivisionError); see its log"
    assert ["in open" in line["exception"] for line in lines if line["event"] == "reader_failed"] == [True, True]

    kept.source.refusal = None
    kept.source.give()
    kept.ahead += BACKOFF[1]
    kept.until("live")


def test_a_source_stays_away_until_a_frame_arrives(kept: Kept) -> None:
    kept.source.give(SourceLost("ended", "the stream ended"))
    kept.until("away")

    kept.ahead += BACKOFF[0]
    eventually(lambda: kept.turn() and kept.source.opened == 2)
    assert kept.turn() == "away"

    kept.source.give()
    kept.until("live")


def test_retries_back_off_but_find_a_returned_source_within_ten_seconds(kept: Kept) -> None:
    kept.source.refusal = SourceNotOpened("refused", "no")
    attempts = []
    for _ in range(400):
        before = kept.count("source_opens_total", outcome="refused")
        eventually(lambda: kept.turn() and (kept.supervisor._reader is None or not kept.supervisor._reader.is_alive()))
        kept.turn()
        if kept.count("source_opens_total", outcome="refused") > before:
            attempts.append(kept.ahead)
        kept.ahead += 0.1
    gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]

    assert gaps[0] < 1.2 * BACKOFF[0] + 0.2
    assert 1.5 < max(gaps) <= BACKOFF[1] + 0.2
    assert BACKOFF[1] + TIMEOUT < 10
    assert len(attempts) > 10


def test_a_source_that_stalls_is_closed_and_reopened(kept: Kept) -> None:
    for _ in range(3):
        kept.capture()

    kept.ahead += STALL_SECONDS + 1
    assert kept.turn() == "away"
    assert kept.count("source_lost_total", cause="stalled") == 1
    eventually(lambda: kept.source.closed == 1)

    kept.ahead += BACKOFF[0]
    eventually(lambda: kept.turn() and kept.source.opened == 2)


def test_an_open_source_without_any_frame_has_stalled(kept: Kept) -> None:
    kept.turn()
    kept.ahead += FIRST_FRAME_SECONDS + 1

    assert kept.turn() == "away"
    assert kept.supervisor.why == "sends no pictures"


def test_a_slow_source_stalls_after_three_of_its_intervals(kept: Kept) -> None:
    kept.source.give()
    kept.until("live")
    owner = kept.supervisor._reader
    assert owner is not None
    owner._interval = 10.0

    kept.ahead += 29
    assert kept.turn() == "live"
    kept.ahead += 2
    assert kept.turn() == "away"


@pytest.mark.parametrize("gaps", [(10, 10, 10, 10), (1, 10, 10, 10)], ids=["even", "the first had been kept"])
def test_a_source_with_long_intervals_stays_live(kept: Kept, gaps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=lambda: kept.now))
    kept.capture()
    for gap in gaps:
        kept.ahead += gap
        assert kept.turn() == "live"
        kept.capture()

    assert kept.source.opened == 1


def test_a_source_with_a_single_frame_has_stalled(kept: Kept) -> None:
    kept.capture()

    kept.ahead += FIRST_FRAME_SECONDS + 1

    assert kept.turn() == "away"
    assert kept.supervisor.why == "stopped sending pictures"


def test_a_reader_that_does_not_release_its_source_is_reported_as_stuck(kept: Kept) -> None:
    kept.source.deaf = True
    for _ in range(3):
        kept.capture()

    kept.ahead += STALL_SECONDS + 1
    kept.turn()
    kept.ahead += RELEASE_SECONDS - 1
    assert kept.turn() == "away"
    assert kept.source.opened == 1, "it may not open the device beside a thread that has it"

    kept.ahead += 2
    with pytest.raises(SourceStuck):
        kept.turn()
