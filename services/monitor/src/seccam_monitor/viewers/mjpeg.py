"""A camera as `multipart/x-mixed-replace`, for browsers, VLC, ffmpeg and whatever else has spoken it since 1995."""

from __future__ import annotations

import asyncio
import socket
import time

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from seccam_monitor.auth.login import User
from seccam_monitor.http.uvicorn_protocols import transport_of
from seccam_monitor.ingest.cameras import Camera, OutgoingPicture
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers import protocol
from seccam_monitor.viewers.hub import Hub

#: Seconds in which a viewer must take a picture.
PATIENCE = 10.0
#: Seconds that the end of a stream may take before it is cut.
_FAREWELL = 1.0
#: Bytes that the kernel may hold for a viewer (it doubles this for its own books): a picture or two. More would not be
#: faster, only older.
_KERNEL_BUFFER = 128 * 1024


class MjpegStream(Response):
    """The pictures of one camera as they come, the newest one when the viewer has taken the one before."""

    media_type = f"multipart/x-mixed-replace; boundary={protocol.BOUNDARY}"

    def __init__(self, camera: Camera, hub: Hub, metrics: Metrics, user: User | None) -> None:
        # its connection ends with it: the next stream on the same one would be cut by the farewell of this one
        super().__init__(headers={"cache-control": "no-store", "connection": "close"})
        del self.headers["content-length"]
        self._camera, self._hub, self._user = camera, hub, user
        self._counted = metrics.transports["mjpeg"]
        self._age_shown = metrics.camera(camera.name).age_shown
        self._news = asyncio.Event()
        self._last: OutgoingPicture | None = None
        self._transport: asyncio.Transport | None = None
        self._over = False
        self.reason = "client"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it until the viewer goes, is too slow, the camera is forgotten, or the monitor stops."""
        if not self._hub.join(self):
            self._counted.closed["shutdown" if self._hub.ended else "limit"].inc()
            refusal = Response("As many viewers as are allowed are watching.\n", 503, {"retry-after": "10"}, "text/plain")
            await refusal(scope, receive, send)
            return
        self._transport = transport = transport_of(scope)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
        self._counted.viewers.inc()
        departure = asyncio.create_task(self._await_departure(receive))
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                await self._send(send, patience)
        except TimeoutError:
            self.reason = "slow"
            transport.abort()
            await asyncio.sleep(0)  # the server hears of it before it wonders why the answer isn't complete
        finally:
            departure.cancel()
            self._hub.leave(self)
            self._counted.viewers.dec()
            self._counted.closed[self.reason].inc()

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture."""
        if camera is self._camera:
            self._news.set()

    def send_text(self, text: str) -> None:
        """A stream of pictures has no words."""

    def tick(self, now: float) -> None:
        """End with the viewer's login, and with its camera; its patience is kept where it sends."""
        if self._user and not self._user.still_valid():
            self._leave("login")
        if self._hub.cameras.get(self._camera.name) is not self._camera:  # if it comes back, it is another one
            self._leave("forgotten")

    def end(self) -> None:
        """The monitor stops; a viewer that takes nothing doesn't keep it."""
        self._leave("shutdown")

    def _leave(self, reason: str) -> None:
        if self._over:
            return
        self._finish(reason)
        if self._transport:
            asyncio.get_running_loop().call_later(_FAREWELL, self._transport.abort)

    async def _send(self, send: Send, patience: asyncio.Timeout) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._body(send, protocol.OPENING)
        while True:
            await self._body(send, b"")  # returns when the picture before has left for the kernel: only now choose the next one
            patience.reschedule(None)
            picture = await self._newer()
            if picture is None:
                break
            now = time.monotonic()
            patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
            await self._body(send, picture.part)
            self._counted.sent.inc()
            self._age_shown.observe(max(0.0, now - picture.captured))
        await send({"type": "http.response.body"})

    @staticmethod
    async def _body(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _newer(self) -> OutgoingPicture | None:
        """The newest picture, as soon as there is one that wasn't sent yet; None when all is over."""
        while not self._over:
            self._news.clear()
            picture = self._camera.picture
            if picture is not None and picture is not self._last:
                if self._last is not None:
                    self._counted.skipped.inc(max(0, picture.sequence - self._last.sequence - 1))
                self._last = picture
                return picture
            await self._news.wait()
        return None

    async def _await_departure(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._finish("client")

    def _finish(self, reason: str) -> None:
        if not self._over:
            self._over, self.reason = True, reason
            self._news.set()
