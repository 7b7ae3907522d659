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


class StopToken:
    """Tells a source's thread to let go; whoever blocks in a call says with `on_stop` how to be woken."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._changing = threading.Lock()
        self._wake: Callable[[], None] | None = None

    def is_set(self) -> bool:
        """Whether to let go."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past the stop; True if that has come."""
        return self._event.wait(max(0.0, seconds))

    def set(self) -> None:
        """Let go; from any thread."""
        with self._changing:
            self._event.set()
            if self._wake is not None:
                self._wake()

    def on_stop(self, wake: Callable[[], None] | None) -> None:
        """From now on `wake` is called at the stop, at once if that has come; it must be quick and may not raise."""
        with self._changing:
            self._wake = wake
            if wake is not None and self._event.is_set():
                wake()
