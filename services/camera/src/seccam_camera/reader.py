"""The thread that owns a source.

A read may never return (PyAV on a device without data, a driver that hangs). The supervisor therefore watches the age of
the newest frame from another thread, and ends the process if this one doesn't come back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from seccam import logs
from seccam_camera.sources.base import Capture, Source, SourceLost, SourceNotOpened, StopToken

log = logs.get(__name__)

#: A source has stalled after this many seconds without a frame, or after three of its intervals if that is longer.
STALL_SECONDS = 5.0
#: Seconds that opening and the first frame may take, as a network camera may wait for its next key frame. The same holds for
#: the frames after it until the interval is known: the first is often one that the camera had buffered.
FIRST_FRAME_SECONDS = 15.0
#: Gaps between frames after which the interval counts as known.
_MIN_GAPS = 2
#: Weight of a new interval in the running mean.
_SMOOTHING = 0.1

OpenSource = Callable[[StopToken], Source]


class Reader(threading.Thread):
    """Opens one source, reads it until it is lost or no longer wanted, and closes it."""

    def __init__(self, open_source: OpenSource, take: Callable[[Capture], None], opened: Callable[[], None]) -> None:
        super().__init__(name="reader", daemon=True)
        self._open, self._take, self._opened = open_source, take, opened
        self._stop_token = StopToken()
        self._began = time.monotonic()
        self._last: float | None = None
        #: Mean seconds between frames, and the number of gaps measured.
        self._interval, self._gaps = 0.0, 0
        #: Why the thread ended; None while it runs, or if it was stopped.
        self.failure: SourceNotOpened | SourceLost | None = None

    def run(self) -> None:
        """Open the source, read it until the end, close it."""
        try:
            source = self._open(self._stop_token)
        except SourceNotOpened as e:
            self.failure = e
            return
        except Exception as e:  # noqa: BLE001  # the next attempt may succeed
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
                # not kept until the source is closed: its traceback may refer to the device's buffers, and keep it open
                self.failure = SourceLost("error", _unexpected(e))

    def stop(self) -> None:
        """Ask the thread to release the source; returns at once."""
        self._stop_token.set()

    @property
    def has_frame(self) -> bool:
        """Whether a frame has arrived."""
        return self._last is not None

    def fresh(self, now: float) -> bool:
        """Whether the newest frame is recent; `now` is monotonic."""
        allowed = max(STALL_SECONDS if self._gaps >= _MIN_GAPS else FIRST_FRAME_SECONDS, 3 * self._interval)
        return self._last is not None and now - self._last < allowed

    def stalled(self, now: float) -> bool:
        """Whether no frame has arrived for too long."""
        return not self.fresh(now) if self.has_frame else now - self._began > FIRST_FRAME_SECONDS

    def _record_arrival(self) -> None:
        now, gaps = time.monotonic(), self._gaps
        if self._last is not None:
            gaps += 1
            self._interval += max(_SMOOTHING, 1 / gaps) * (now - self._last - self._interval)
        self._last = now
        self._gaps = gaps  # last: once there are enough, the supervisor's thread uses the other two


def _unexpected(fault: Exception) -> str:
    """Log an exception that no source should raise; a text for the status, without its message, which may hold a login."""
    log.error("reader_failed", exc_info=fault)
    return f"an error in the camera service ({type(fault).__name__}); see its log"
