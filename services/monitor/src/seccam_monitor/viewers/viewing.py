"""Who watches: lines of the audit log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from seccam import audit, logs
from seccam_monitor.auth.login import who

#: Seconds in which a user's requests for the same picture from the same address make one line: programs ask every second.
_SAME_DOWNLOAD = 300.0


class Viewing:
    """One page or stream, from its beginning to its end."""

    def __init__(self, scope: Mapping[str, Any], via: str, cameras: Iterable[str] = ()) -> None:
        """`via`: page | stream. A page says later which cameras it watches."""
        self._viewer = {**who(scope), "via": via}
        self._cameras = set(cameras)
        self._began = time.monotonic()
        audit.note("watch", **self._viewer, cameras=sorted(self._cameras))

    def watch(self, cameras: Iterable[str]) -> None:
        """The viewer watches these now; a line names those that are new to it."""
        if new := set(cameras) - self._cameras:
            self._cameras |= new
            audit.note("watch", **self._viewer, cameras=sorted(new))

    def end(self, reason: str) -> None:
        """The viewer is gone."""
        seconds = round(time.monotonic() - self._began, 1)
        audit.note("watch_end", **self._viewer, cameras=sorted(self._cameras), seconds=seconds, reason=reason)


class Downloads:
    """Single pictures: the newest one of a camera, and those of visits."""

    def __init__(self) -> None:
        self._lines = logs.Throttle(_SAME_DOWNLOAD)

    def note(self, scope: Mapping[str, Any], **what: str) -> None:
        """Somebody gets this picture."""
        viewer = who(scope)
        if self._lines.allows(repr((viewer, what))):
            audit.note("picture", **viewer, **what)
