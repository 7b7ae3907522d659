"""What every kind of source gives, and how it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from seccam.errors import SeccamError

#: Seconds that opening a source, or waiting for its next byte, may take.
TIMEOUT = 4.0


@dataclass(frozen=True)
class Capture:
    """One picture, as the source gave it."""

    #: When it was taken: wall clock, and the monotonic one; seconds.
    wall: float
    monotonic: float
    #: The source's own JPEG, or how to make one at a quality (1 to 100); to be called before the next picture is read.
    jpeg: bytes | Callable[[int], bytes]


class Source(Protocol):
    """An open source, owned by one thread."""

    def read(self) -> Capture:
        """The next picture; blocks until there is one, or raises SourceLost."""

    def close(self) -> None:
        """Let go of the device, file or connection."""


class SourceNotOpened(SeccamError):  # noqa: N818  # it reads as what happened
    """A source could not be opened: `outcome` is a metric label, the text says why, without any login."""

    def __init__(self, outcome: Literal["refused", "timeout", "error"], why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class SourceLost(SeccamError):  # noqa: N818  # it reads as what happened
    """An open source gives no more pictures: `cause` is a metric label, the text says why, without any login."""

    def __init__(self, cause: Literal["ended", "stalled", "error"], why: str) -> None:
        super().__init__(why)
        self.cause = cause


class StopToken(threading.Event):
    """A stop event that also interrupts what a source's thread is blocked in."""

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.Lock()
        self._interrupt: Callable[[], None] | None = None

    def set(self) -> None:
        """Ask the source's thread to stop; from any thread."""
        with self._changing:
            super().set()
            if self._interrupt is not None:
                self._interrupt()

    def on_stop(self, interrupt: Callable[[], None] | None) -> None:
        """Call this once a stop is asked for, at once if it has been; it must be quick and may not raise. None: nothing."""
        with self._changing:
            self._interrupt = interrupt
            if interrupt is not None and self.is_set():
                interrupt()
