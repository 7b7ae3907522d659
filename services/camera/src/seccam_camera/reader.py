"""The thread that owns a source, and what keeps one open while it is wanted.

A read may never return (PyAV on a device that starves, a driver that hangs): so the age of the newest frame is watched
from outside the thread, and whoever watches leaves the process if the thread can't be got back.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Literal

from seccam import logs
from seccam.errors import SeccamError
from seccam_camera.metrics import CameraMetrics
from seccam_camera.sources.base import Capture, Source, SourceLost, SourceNotOpened, StopToken

log = logs.get(__name__)

#: Seconds without a frame after which a source has stalled, or three of its intervals if that is longer.
STALLED = 5.0
#: Seconds that opening and the first frame may take; a network camera may make one wait for its next key frame. And the same
#: for each of the next ones until the interval is known: the first is often one that was kept for whoever comes.
FIRST_FRAME = 15.0
#: Gaps between frames from which on the interval counts as known.
_KNOWN = 2
#: Seconds a thread has to let go of its source.
GRACE = 10.0
#: Seconds between attempts to open, doubled from the first to the last; with TIMEOUT it is back within 10 s.
BACKOFF = (0.5, 3.0)
#: Share of a new interval in the running mean.
_FOLLOW = 0.1

OpenSource = Callable[[StopToken], Source]


class SourceStuck(SeccamError):  # noqa: N818  # it reads as what happened
    """The thread doesn't let go of its source: only the end of the process helps."""


class Reader(threading.Thread):
    """Owns one source, from its opening until it is lost or not wanted any more."""

    def __init__(self, open_source: OpenSource, take: Callable[[Capture], None], opened: Callable[[], None]) -> None:
        super().__init__(name="reader", daemon=True)
        self._open, self._take, self._opened = open_source, take, opened
        self._stop_token = StopToken()
        self._began = time.monotonic()
        self._last: float | None = None
        #: Mean seconds between frames, and the gaps it was made of.
        self._interval, self._gaps = 0.0, 0
        #: Why it ended; None while it runs, and if it was told to end.
        self.failure: SourceNotOpened | SourceLost | None = None

    def run(self) -> None:
        """Open, read until the end, close."""
        try:
            source = self._open(self._stop_token)
        except SourceNotOpened as e:
            self.failure = e
            return
        except Exception as e:  # noqa: BLE001  # whatever it is, the next attempt may be better
            self.failure = SourceNotOpened("error", _unforeseen(e))
            return
        with closing(source):
            self._opened()
            try:
                while not self._stop_token.is_set():
                    capture = source.read()
                    self._tell_time()
                    self._take(capture)
            except SourceLost as e:
                self.failure = e
            except Exception as e:  # noqa: BLE001  # as above
                # and it is dropped before closing: the frames in its trace may hold the device's buffers, which keeps it open
                self.failure = SourceLost("error", _unforeseen(e))

    def stop(self) -> None:
        """Let go; returns at once."""
        self._stop_token.set()

    @property
    def has_frame(self) -> bool:
        """Whether a frame has come yet."""
        return self._last is not None

    def fresh(self, now: float) -> bool:
        """Whether its newest frame is young enough; `now` is monotonic."""
        allowed = max(STALLED if self._gaps >= _KNOWN else FIRST_FRAME, 3 * self._interval)
        return self._last is not None and now - self._last < allowed

    def stalled(self, now: float) -> bool:
        """Whether it has been silent for too long."""
        return not self.fresh(now) if self.has_frame else now - self._began > FIRST_FRAME

    def _tell_time(self) -> None:
        now, gaps = time.monotonic(), self._gaps
        if self._last is not None:
            gaps += 1
            self._interval += max(_FOLLOW, 1 / gaps) * (now - self._last - self._interval)
        self._last = now
        self._gaps = gaps  # after both: another thread goes by them once there are enough


def _unforeseen(fault: Exception) -> str:
    """Log what no source should raise; what may be told of it elsewhere, as nobody knows what is in its text."""
    log.error("reader_failed", exc_info=fault)
    return f"a fault of the camera service ({type(fault).__name__}), told in its log"


class SourceSupervisor:
    """Keeps a source open while it is wanted: opens it again with backoff, and closes it when it is not."""

    def __init__(self, open_source: OpenSource, take: Callable[[Capture], None], metrics: CameraMetrics, shown: str) -> None:
        self._open, self._take, self._metrics, self._shown = open_source, take, metrics, shown
        self._reader: Reader | None = None
        self._leaving: tuple[Reader, float] | None = None
        self._started = self._retry_at = 0.0
        self._wait = BACKOFF[0]
        #: Why there is no picture; empty as long as nothing went wrong.
        self.why = ""

    def state(self, now: float) -> Literal["closed", "starting", "live", "away"]:
        """What there is to say of the source; `now` is monotonic."""
        if self._reader is not None and self._reader.fresh(now):
            return "live"
        if self.why:
            return "away"
        return "starting" if self._reader is not None else "closed"

    def turn(self, wanted: bool, now: float) -> None:
        """Do what is due, without waiting; to be called several times a second. Raises SourceStuck."""
        self._await_leaving(now)
        if not wanted:
            self.why = ""
            self._wait, self._retry_at = BACKOFF[0], 0.0
            self._let_go(now)
        elif self._reader is None:
            if self._leaving is None and now >= self._retry_at:
                self._start(now)
        elif self._reader.failure is not None:
            self._tell(self._reader.failure, now)
        elif self._reader.stalled(now):
            self._tell(SourceLost("stalled", "gives no pictures any more" if self._reader.has_frame else "gives no pictures"), now)
        elif self.why and self._reader.fresh(now):
            log.info("source_back", source=self._shown)
            self.why = ""

    def close(self, within: float) -> None:
        """Let go of the source, waiting for that up to `within` seconds."""
        now = time.monotonic()
        self._let_go(now)
        if self._leaving is not None:
            self._leaving[0].join(within)

    def _start(self, now: float) -> None:
        self._reader = Reader(self._open, self._take, self._count_opened)
        self._started = now
        self._reader.start()

    def _count_opened(self) -> None:
        self._metrics.opens["ok"].inc()
        log.info("source_opened", source=self._shown)

    def _tell(self, failure: SourceNotOpened | SourceLost, now: float) -> None:
        if isinstance(failure, SourceNotOpened):
            self._metrics.opens[failure.outcome].inc()
        else:
            self._metrics.lost[failure.cause].inc()
            if now - self._started > 2 * BACKOFF[1]:
                self._wait = BACKOFF[0]
        pause = self._wait * random.uniform(0.8, 1.0)  # noqa: S311  # jitter, not a secret
        event = "source_not_opened" if isinstance(failure, SourceNotOpened) else "source_lost"
        if str(failure) != self.why or isinstance(failure, SourceLost):
            log.warning(event, source=self._shown, why=str(failure), retry_s=round(pause, 1))
        self.why = str(failure)
        self._retry_at, self._wait = now + pause, min(2 * self._wait, BACKOFF[1])
        self._let_go(now)

    def _let_go(self, now: float) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._leaving, self._reader = (self._reader, now), None

    def _await_leaving(self, now: float) -> None:
        if self._leaving is None:
            return
        reader, since = self._leaving
        if not reader.is_alive():
            self._leaving = None
        elif now - since > GRACE:
            raise SourceStuck(f"{self._shown} was not let go of within {GRACE:.0f} s")
