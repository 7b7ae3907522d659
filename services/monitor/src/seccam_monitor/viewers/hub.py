"""Passes news on to all viewers. Runs on the event loop, except for what Intake calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from seccam import __version__
from seccam.message import Detection
from seccam_monitor.ingest.cameras import Camera, Cameras
from seccam_monitor.ingest.status import why
from seccam_monitor.ingest.visits import Change, VisitList
from seccam_monitor.viewers import protocol


class Viewer(Protocol):
    """One connected page or stream."""

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture."""

    def send_text(self, text: str) -> None:
        """Send a JSON message."""

    def tick(self, now: float) -> None:
        """A second has passed."""

    def end(self) -> None:
        """The monitor stops."""


class Hub:
    """The viewers, and what they are sent."""

    def __init__(
        self, cameras: Cameras, visits: VisitList, *, away: float, max_viewers: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.cameras, self.visits = cameras, visits
        self._away, self._max_viewers, self._loop = away, max_viewers, loop
        self._viewers: dict[Viewer, str | None] = {}
        #: How many users share the places.
        self.accounts = 1
        self._with_new_picture: deque[Camera] = deque()
        self._cams: list[dict[str, Any]] = []
        #: When the broker was lost, monotonic seconds; None while connected.
        self.broker_lost: float | None = time.monotonic()
        #: Whether new visits can be received.
        self.has_events = False
        #: The share of frames that the workers analyse; None if they keep up.
        self.analysed: float | None = None
        #: Whether the monitor is stopping: no new viewer is accepted.
        self.ended = False

    # called by the broker's thread

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture. The loop is woken once, however many come before it runs."""
        if not camera.announced:
            camera.announced = True
            self._with_new_picture.append(camera)
            self._call_on_loop(self._announce_pictures)

    def on_status(self) -> None:
        """A camera has changed its state, or is new."""
        self._call_on_loop(self.broadcast_status)

    def on_faces(self, detection: Detection, captured: float) -> None:
        """A worker has analysed a frame."""
        text = protocol.text(
            "faces",
            cam=detection.camera,
            captured=captured * 1000,
            faces=detection.faces,
            boxes=detection.boxes,
            scores=detection.scores,
            size=detection.size,
        )
        self._call_on_loop(lambda: self._broadcast(text))

    def on_visit(self, change: Change) -> None:
        """A row of the list of visits is new or has changed."""
        self._call_on_loop(lambda: self._broadcast(_event(change, time.monotonic())))

    def _call_on_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the monitor is stopping
            self._loop.call_soon_threadsafe(call)

    # on the loop

    def join(self, viewer: Viewer, account: str | None) -> str:
        """Add a viewer of this user; returns why it can't be, as a label of the metric, or nothing."""
        if self.ended:
            return "shutdown"
        if len(self._viewers) >= self._max_viewers:
            return "limit"
        if account is not None and list(self._viewers.values()).count(account) >= self._max_per_account():
            return "account_limit"
        self._viewers[viewer] = account
        return ""

    def _max_per_account(self) -> int:
        """Half of the places, so that no user can take them all; a single user has nobody to leave any to."""
        return (self._max_viewers + 1) // 2 if self.accounts > 1 else self._max_viewers

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        self._viewers.pop(viewer, None)

    def end(self) -> None:
        """Disconnect all viewers."""
        self.ended = True
        for viewer in list(self._viewers):
            viewer.end()

    def tick(self, now: float) -> None:
        """A second has passed."""
        for viewer in list(self._viewers):
            viewer.tick(now)
        for row in self.visits.ended(now):
            self._broadcast(_event(Change(row), now))
        self.broadcast_status()

    def broadcast_status(self) -> None:
        """Send the status to all viewers, after the list of cameras if that has changed."""
        cams = self.cams()
        if cams != self._cams:
            self._cams = cams
            self._broadcast(protocol.text("cams", cams=cams))
        if self._viewers:
            self._broadcast(self.status())

    def hello(self, user: str | None) -> str:
        """The first message of a connection; `user` is None if there is no login."""
        now = time.monotonic()
        rows = [{"type": "event", **row.message(now)} for row in self.visits.last()]
        return protocol.hello(__version__, now * 1000, user, self.cams(), rows)

    def cams(self) -> list[dict[str, Any]]:
        """The cameras, in the order in which to show them."""
        rows = []
        for camera in self.cameras:
            limit = camera.limits(self._away)
            rows.append({"i": camera.index, "name": camera.name, "zone": camera.zone, "stale_s": limit.stale, "away_s": limit.away})
        return rows

    def status(self) -> str:
        """The `status` message."""
        now, wall = time.monotonic(), time.time()
        lost = self.broker_lost
        return protocol.text(
            "status",
            now=now * 1000,
            broker=lost is None,
            since=None if lost is None else lost * 1000,
            events=self.has_events,
            analysed=self.analysed,
            c=list(self._states(now, wall)),
        )

    def _states(self, now: float, wall: float) -> Iterator[list[Any]]:
        for camera in self.cameras:
            picture, last_status = camera.picture, camera.last_status
            state = camera.state(self._away, wall=wall, monotonic=now)
            yield [
                camera.index,
                state,
                picture.captured * 1000 if picture else None,
                round(camera.rate.hertz(now), 2),
                last_status.until if last_status and state == "off" else None,
                why(last_status, state),
            ]

    def state(self, camera: Camera) -> str:
        """The state that this camera is in now."""
        return camera.state(self._away, wall=time.time(), monotonic=time.monotonic())

    def _announce_pictures(self) -> None:
        while self._with_new_picture:
            camera = self._with_new_picture.popleft()
            camera.announced = False
            for viewer in self._viewers:
                viewer.on_picture(camera)

    def _broadcast(self, text: str) -> None:
        for viewer in list(self._viewers):
            viewer.send_text(text)


def _event(change: Change, now: float) -> str:
    return protocol.text("event", **change.row.message(now), absorbed=change.absorbed)
