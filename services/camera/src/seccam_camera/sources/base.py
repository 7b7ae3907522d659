"""What all sources have in common: their interface, captures and errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from seccam.errors import SeccamError

#: Seconds that opening a source, or waiting for a picture from a device, may take.
TIMEOUT = 4.0


@dataclass(frozen=True)
class Capture:
    """One picture from a source."""

    #: When it was taken, by the wall clock and the monotonic clock, seconds.
    wall: float
    monotonic: float
    #: The source's own JPEG, or a function that encodes one at a quality of 1 to 100; valid until the next picture is read.
    jpeg: bytes | Callable[[int], bytes]


class Source(Protocol):
    """An open source, owned by one thread."""

    def read(self) -> Capture:
        """The next picture; blocks until there is one. Raises SourceLost."""

    def close(self) -> None:
        """Close the device, file or connection."""


class SourceNotOpened(SeccamError):  # noqa: N818  # it reads as what happened
    """A source could not be opened. `outcome` is a metric label; the message says why, and never contains a login."""

    def __init__(self, outcome: Literal["refused", "timeout", "error"], why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class SourceLost(SeccamError):  # noqa: N818  # it reads as what happened
    """An open source has no more pictures. `cause` is a metric label; the message says why, and never contains a login."""

    def __init__(self, cause: Literal["ended", "stalled", "error"], why: str) -> None:
        super().__init__(why)
        self.cause = cause


class StopToken(threading.Event):
    """A stop event that can also interrupt a blocking call of the source's thread."""

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.Lock()
        self._interrupt: Callable[[], None] | None = None

    def set(self) -> None:
        """Ask the source's thread to stop; may be called from any thread."""
        with self._changing:
            super().set()
            if self._interrupt is not None:
                self._interrupt()

    def on_stop(self, interrupt: Callable[[], None] | None) -> None:
        """Call `interrupt` when the event is set, at once if it is set already; None cancels that.

        `interrupt` must be quick and must not raise.
        """
        with self._changing:
            self._interrupt = interrupt
            if interrupt is not None and self.is_set():
                interrupt()
