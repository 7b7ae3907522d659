"""The thread that owns a source, and what keeps one open while it is wanted.

A read may never return (PyAV on a device that starves, a driver that hangs): so the age of the newest frame is watched
from outside the thread, and whoever watches leaves the process if the thread can't be got back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from seccam import logs
from seccam_camera.sources.base import Capture, Source, SourceLost, SourceNotOpened, StopToken

log = logs.get(__name__)

#: Seconds without a frame after which a source has stalled, or three of its intervals if that is longer.
STALL_SECONDS = 5.0
#: Seconds that opening and the first frame may take; a network camera may make one wait for its next key frame. And the same
#: for each of the next ones until the interval is known: the first is often one that was kept for whoever comes.
FIRST_FRAME_SECONDS = 15.0
#: Gaps between frames from which on the interval counts as known.
_MIN_GAPS = 2
#: Share of a new interval in the running mean.
_SMOOTHING = 0.1

OpenSource = Callable[[StopToken], Source]


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
            self.failure = SourceNotOpened("error", _unexpected(e))
            return
        with closing(source):
            self._opened()
            try:
                while not self._stop_token.is_set():
                    capture = source.read()
                    self._record_arrival()
                    self._take(capture)
            except SourceLost as e:
                self.failure = e
            except Exception as e:  # noqa: BLE001  # as above
                # and it is dropped before closing: the frames in its trace may hold the device's buffers, which keeps it open
                self.failure = SourceLost("error", _unexpected(e))

    def stop(self) -> None:
        """Let go; returns at once."""
        self._stop_token.set()

    @property
    def has_frame(self) -> bool:
        """Whether a frame has come yet."""
        return self._last is not None

    def fresh(self, now: float) -> bool:
        """Whether its newest frame is young enough; `now` is monotonic."""
        allowed = max(STALL_SECONDS if self._gaps >= _MIN_GAPS else FIRST_FRAME_SECONDS, 3 * self._interval)
        return self._last is not None and now - self._last < allowed

    def stalled(self, now: float) -> bool:
        """Whether it has been silent for too long."""
        return not self.fresh(now) if self.has_frame else now - self._began > FIRST_FRAME_SECONDS

    def _record_arrival(self) -> None:
        now, gaps = time.monotonic(), self._gaps
        if self._last is not None:
            gaps += 1
            self._interval += max(_SMOOTHING, 1 / gaps) * (now - self._last - self._interval)
        self._last = now
        self._gaps = gaps  # after both: another thread goes by them once there are enough


def _unexpected(fault: Exception) -> str:
    """Log what no source should raise; what may be told of it elsewhere, as nobody knows what is in its text."""
    log.error("reader_failed", exc_info=fault)
    return f"a fault of the camera service ({type(fault).__name__}), told in its log"
