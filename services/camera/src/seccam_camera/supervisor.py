"""Keeps a source open while it is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from seccam import logs
from seccam.backoff import Backoff
from seccam.errors import SeccamError
from seccam_camera.metrics import CameraMetrics
from seccam_camera.reader import OpenSource, Reader
from seccam_camera.sources.base import Capture, SourceLost, SourceNotOpened

log = logs.get(__name__)

#: Seconds within which a reader must release its source.
RELEASE_SECONDS = 10.0
#: Seconds between attempts to open a source: the first and the longest. With TIMEOUT, a source that returns is open within 10 s.
BACKOFF = (0.5, 3.0)
_JITTER = 0.2


class SourceStuck(SeccamError):  # noqa: N818  # it reads as what happened
    """The reader does not release its source; only ending the process will."""


class SourceSupervisor:
    """Opens a source while it is wanted, reopens it with backoff when it is lost, and closes it when it is not wanted."""

    def __init__(self, open_source: OpenSource, take: Callable[[Capture], None], metrics: CameraMetrics, source: str) -> None:
        self._open, self._take, self._metrics, self._name = open_source, take, metrics, source
        self._reader: Reader | None = None
        self._releasing: tuple[Reader, float] | None = None
        self._started = self._retry_at = 0.0
        self._backoff = Backoff(*BACKOFF, jitter=_JITTER)
        #: Why there are no pictures; empty unless something went wrong.
        self.why = ""

    def state(self, now: float) -> Literal["closed", "starting", "live", "away"]:
        """The source's state; `now` is monotonic."""
        if self._reader is not None and self._reader.fresh(now):
            return "live"
        if self.why:
            return "away"
        return "starting" if self._reader is not None else "closed"

    def run_once(self, wanted: bool, now: float) -> None:
        """Open, reopen or close the source as needed, without blocking; call this several times a second.

        Raises SourceStuck.
        """
        self._check_release(now)
        if not wanted:
            self.why = ""
            self._backoff.reset()
            self._retry_at = 0.0
            self._release(now)
        elif self._reader is None:
            if self._releasing is None and now >= self._retry_at:
                self._start(now)
        elif self._reader.failure is not None:
            self._record_failure(self._reader.failure, now)
        elif self._reader.stalled(now):
            why = "stopped sending pictures" if self._reader.has_frame else "sends no pictures"
            self._record_failure(SourceLost("stalled", why), now)
        elif self.why and self._reader.fresh(now):
            log.info("source_recovered", source=self._name)
            self.why = ""

    def close(self, within: float) -> None:
        """Close the source; waits up to `within` seconds until it is closed."""
        now = time.monotonic()
        self._release(now)
        if self._releasing is not None:
            self._releasing[0].join(within)

    def _start(self, now: float) -> None:
        self._reader = Reader(self._open, self._take, self._count_opened)
        self._started = now
        self._reader.start()

    def _count_opened(self) -> None:
        self._metrics.opens["ok"].inc()
        log.info("source_opened", source=self._name)

    def _record_failure(self, failure: SourceNotOpened | SourceLost, now: float) -> None:
        if isinstance(failure, SourceNotOpened):
            self._metrics.opens[failure.outcome].inc()
        else:
            self._metrics.lost[failure.cause].inc()
            if now - self._started > 2 * BACKOFF[1]:
                self._backoff.reset()
        delay = self._backoff.next_delay()
        event = "source_not_opened" if isinstance(failure, SourceNotOpened) else "source_lost"
        if str(failure) != self.why or isinstance(failure, SourceLost):
            log.warning(event, source=self._name, why=str(failure), retry_s=round(delay, 1))
        self.why = str(failure)
        self._retry_at = now + delay
        self._release(now)

    def _release(self, now: float) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._releasing, self._reader = (self._reader, now), None

    def _check_release(self, now: float) -> None:
        if self._releasing is None:
            return
        reader, since = self._releasing
        if not reader.is_alive():
            self._releasing = None
        elif now - since > RELEASE_SECONDS:
            raise SourceStuck(f"{self._name} was not released within {RELEASE_SECONDS:.0f} s")
