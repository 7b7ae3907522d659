"""A camera's pictures as `multipart/x-mixed-replace`, for browsers, VLC, ffmpeg and many other programs."""

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
from seccam_monitor.viewers.viewing import Viewing

#: Seconds within which a viewer must read a picture.
PATIENCE = 10.0
#: Seconds that an orderly close may take before the connection is aborted.
_CLOSE_SECONDS = 1.0
#: Size of a viewer's send buffer in the kernel, bytes (the kernel doubles it): a picture or two. A larger one would make the
#: stream older, not faster.
_KERNEL_BUFFER = 128 * 1024


class MjpegStream(Response):
    """The pictures of one camera: each time that the viewer has read one, the newest is sent."""

    media_type = f"multipart/x-mixed-replace; boundary={protocol.BOUNDARY}"

    def __init__(self, camera: Camera, hub: Hub, metrics: Metrics, user: User | None) -> None:
        # the connection ends with the stream: the abort after the close would hit the next response on it
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
        """Stream until the viewer leaves or is too slow, the camera is forgotten, or the monitor stops."""
        if refused := self._hub.join(self, self._user.name if self._user else None):
            self._counted.closed[refused].inc()
            refusal = Response(
                "The maximum number of viewers, or of this user's, is connected.\n", 503, {"retry-after": "10"}, "text/plain"
            )
            await refusal(scope, receive, send)
            return
        self._transport = transport = transport_of(scope)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
        self._counted.viewers.inc()
        viewing = Viewing(scope, "stream", [self._camera.name])
        disconnect = asyncio.create_task(self._await_disconnect(receive))
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                await self._send(send, patience)
        except TimeoutError:
            self.reason = "slow"
            transport.abort()
            await asyncio.sleep(0)  # let uvicorn notice it before it complains about an incomplete response
        finally:
            disconnect.cancel()
            self._hub.leave(self)
            self._counted.viewers.dec()
            self._counted.closed[self.reason].inc()
            viewing.end(self.reason)

    def on_picture(self, camera: Camera) -> None:
        """The camera has a new picture."""
        if camera is self._camera:
            self._news.set()

    def send_text(self, text: str) -> None:
        """Streams have no messages."""

    def tick(self, now: float) -> None:
        """End the stream if its login or its camera has gone; slowness is noticed where pictures are sent."""
        if self._user and not self._user.still_valid():
            self._leave("login")
        if self._hub.cameras.get(self._camera.name) is not self._camera:  # one that comes back is another object
            self._leave("forgotten")

    def end(self) -> None:
        """The monitor stops; a viewer that reads nothing doesn't delay that."""
        self._leave("shutdown")

    def _leave(self, reason: str) -> None:
        if self._over:
            return
        self._finish(reason)
        if self._transport:
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._transport.abort)

    async def _send(self, send: Send, patience: asyncio.Timeout) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._body(send, protocol.OPENING)
        while True:
            await self._body(send, b"")  # returns when the previous picture is in the kernel: only now choose the next
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
        """The newest picture, as soon as there is one that wasn't sent; None once the stream ends."""
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

    async def _await_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._finish("client")

    def _finish(self, reason: str) -> None:
        if not self._over:
            self._over, self.reason = True, reason
            self._news.set()
