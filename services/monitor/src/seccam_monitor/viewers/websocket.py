"""One page on `/ws`: reads its messages, sends JSON messages at once and pictures as its window allows."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect

from seccam import logs
from seccam_monitor.auth.login import user_of
from seccam_monitor.http.uvicorn_protocols import transport_of
from seccam_monitor.ingest.cameras import Camera, OutgoingPicture
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers import protocol
from seccam_monitor.viewers.flow_control import Window
from seccam_monitor.viewers.hub import Hub
from seccam_monitor.viewers.protocol import Ack, NotUnderstood, Ping, Watch
from seccam_monitor.viewers.viewing import Viewing

log = logs.get(__name__)

#: JSON messages that may wait for a viewer; more means that it has read none for minutes.
_TEXTS = 200
#: Seconds that an orderly close may take before the connection is aborted.
_CLOSE_SECONDS = 1.0


async def serve(websocket: WebSocket, hub: Hub, metrics: Metrics) -> None:
    """Serve one page until it leaves, is too slow, or the monitor stops."""
    await websocket.accept(protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in websocket.scope["subprotocols"] else None)
    page = Page(websocket, hub, metrics)
    counted = metrics.transports["websocket"]
    user = user_of(websocket.scope)
    if refused := hub.join(page, user.name if user else None):
        counted.closed[refused].inc()
        await websocket.close(protocol.GOING_AWAY if refused == "shutdown" else protocol.TOO_MANY)
        return
    counted.viewers.inc()
    viewing = Viewing(websocket.scope, "page")
    try:
        await page.run(viewing)
    finally:
        hub.leave(page)
        counted.viewers.dec()
        counted.closed[page.reason].inc()
        viewing.end(page.reason)


class Page:
    """A viewer on a WebSocket."""

    def __init__(self, websocket: WebSocket, hub: Hub, metrics: Metrics) -> None:
        self._socket, self._hub, self._metrics = websocket, hub, metrics
        self._counted = metrics.transports["websocket"]
        self._user = user_of(websocket.scope)
        self._window = Window()
        self._cameras: dict[int, Camera] = {}
        self._texts: deque[str] = deque((hub.hello(self._user.name if self._user else None), hub.status()))
        self._wake = asyncio.Event()
        self._wake.set()
        self._code: int | None = None
        #: Why the connection ended: a label of the metric.
        self.reason = "client"

    async def run(self, viewing: Viewing) -> None:
        """Read and write until either side closes."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read(viewing)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture."""
        if self._window.watches(camera.index):
            if self._window.picture_ready(camera.index):
                self._counted.skipped.inc()
            self._wake.set()

    def send_text(self, text: str) -> None:
        """Send a JSON message, ahead of pictures."""
        if len(self._texts) >= _TEXTS:
            self._close(protocol.TOO_SLOW, "slow")
        else:
            self._texts.append(text)
            self._wake.set()

    def tick(self, now: float) -> None:
        """Close if the viewer acknowledges nothing, or its login has ended."""
        if self._user and not self._user.still_valid():
            self._close(protocol.LOGGED_OUT, "login")
        if self._window.stalled(now):
            self._close(protocol.TOO_SLOW, "slow")

    def end(self) -> None:
        """The monitor stops."""
        self._close(protocol.GOING_AWAY, "shutdown")

    def _close(self, code: int, reason: str) -> None:
        """Close, and abort the connection if the viewer doesn't answer."""
        if self._code is None:
            self._code, self.reason = code, reason
            self._wake.set()
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, transport_of(self._socket.scope).abort)

    async def _read(self, viewing: Viewing) -> None:
        while True:
            try:
                said = protocol.understood(await self._socket.receive_text())
            except WebSocketDisconnect:
                return
            except (NotUnderstood, KeyError) as e:  # Starlette raises KeyError for a binary message
                log.info("viewer_message_refused", error=str(e))
                self._close(protocol.NOT_UNDERSTOOD, "client")
                continue
            match said:
                case Ping():
                    self.send_text(protocol.pong(said, time.monotonic() * 1000))
                case Watch(cameras):
                    self._watch(cameras)
                    viewing.watch(camera.name for camera in self._cameras.values())
                case Ack(pictures):
                    now = time.monotonic()
                    for camera, sequence in pictures:
                        self._window.ack(camera, sequence, now)
            self._wake.set()

    def _watch(self, wanted: frozenset[int]) -> None:
        self._cameras = {camera.index: camera for camera in self._hub.cameras if camera.index in wanted}
        for index in self._window.watch(self._cameras):
            self._window.picture_ready(index)

    async def _write(self) -> None:
        while self._code is None:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._send_waiting()
            except WebSocketDisconnect:
                return
        await self._socket.close(self._code)

    async def _send_waiting(self) -> None:
        while self._code is None:
            if self._texts:
                await self._socket.send_text(self._texts.popleft())
            elif (index := self._window.next()) is not None:
                picture = self._cameras[index].picture
                if picture is not None:  # otherwise its slot has ended meanwhile
                    await self._show(picture, self._cameras[index].name)
            else:
                return

    async def _show(self, picture: OutgoingPicture, name: str) -> None:
        now = time.monotonic()
        self._window.sent(picture.camera, picture.sequence, now)
        await self._socket.send_bytes(picture.message)
        self._counted.sent.inc()
        self._metrics.camera(name).age_shown.observe(max(0.0, now - picture.captured))
