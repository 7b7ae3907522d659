"""What the page's port does with connections: real sockets, without a broker."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from seccam.frame import Frame
from seccam_monitor import service
from seccam_monitor.http import app
from seccam_monitor.http.uvicorn_protocols import HttpProtocol, _Connection
from seccam_monitor.ingest.cameras import FORGET_SECONDS, Cameras
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers.hub import Hub
from tests.integration.monitors import picture
from tests.waiting import eventually

#: Seconds in which anything has to come.
WITHIN = 30.0


class Port:
    """A monitor's port, with nothing behind it but what the test puts in."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, [])
        self.cameras = Cameras([], time.monotonic())
        self.hub = Hub(self.cameras, VisitList(60.0), away=30.0, max_viewers=5, loop=asyncio.get_running_loop())
        self.server = service._server(app.create(self.hub, metrics, frozenset()), "")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._callers: list[Caller] = []
        self._seq = 0

    def show(self, name: str, jpeg: bytes) -> None:
        """A camera's picture comes in."""
        self._seq += 1
        camera = self.cameras.find(name, time.monotonic())
        assert camera
        frame = Frame(camera=name, boot_id="b1", seq=self._seq, jpeg=jpeg, width=160, height=90, ts_ms=None)
        camera.take_frame(frame, wall=time.time(), monotonic=time.monotonic())
        self.hub.on_picture(camera)

    async def call(self, request: bytes) -> Caller:
        """A new connection on which this has been sent."""
        caller = Caller(*await asyncio.open_connection(*self._listener.getsockname()))
        self._callers.append(caller)
        caller.send(request)
        return caller

    async def during(self, body: Callable[[Port], Awaitable[None]]) -> None:
        """Serve until the body has ended."""
        serving = asyncio.create_task(self.server.serve(sockets=[self._listener]))
        try:
            await body(self)
        finally:
            self.hub.end()
            self.server.should_exit = True
            for caller in self._callers:
                await caller.hang_up()
            await serving


class Caller:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, some: bytes) -> None:
        """More of what is said."""
        self._writer.write(some)

    async def hears(self, what: bytes) -> None:
        """Read until this has come."""
        async with asyncio.timeout(WITHIN):
            await self._reader.readuntil(what)

    async def is_closed(self) -> None:
        """Read to the end."""
        async with asyncio.timeout(WITHIN):
            await self._reader.read()

    async def hang_up(self) -> None:
        """Leave."""
        self._writer.close()
        with suppress(OSError):  # it was cut
            await self._writer.wait_closed()


def on_a_port(body: Callable[[Port], Awaitable[None]]) -> None:
    """Run a test's body."""

    async def run() -> None:
        await Port().during(body)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def get(path: str, more: str = "") -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode()


LIST = get("/cameras")
FILM = get("/cameras/front/stream.mjpeg")
_KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2VjY2FtLXNlY2NhbS1zZQ==\r\n"
PAGE = get("/ws", f"Connection: Upgrade\r\nUpgrade: websocket\r\n{_KEY}")


def test_a_stream_of_a_forgotten_camera_ends_so_that_its_viewer_reconnects() -> None:
    async def body(port: Port) -> None:
        port.show("front", picture(1))
        film = await port.call(FILM)
        await film.hears(picture(1))

        assert port.cameras.forget(time.monotonic() + FORGET_SECONDS + 1)
        port.show("front", picture(2))
        port.hub.tick(time.monotonic())
        await film.is_closed()
        closed = {"transport": "mjpeg", "reason": "forgotten"}
        assert port.registry.get_sample_value("seccam_monitor_viewers_closed_total", closed) == 1
        assert port.registry.get_sample_value("seccam_monitor_viewers", {"transport": "mjpeg"}) == 0

        await (await port.call(FILM)).hears(picture(2))

    on_a_port(body)


def test_a_page_gets_the_new_index_of_a_camera_that_was_forgotten_and_came_back() -> None:
    def listed(port: Port) -> bytes:
        port.hub.tick(time.monotonic())
        return b'"cams":' + json.dumps(port.hub.cams(), separators=(",", ":")).encode()

    async def body(port: Port) -> None:
        port.show("front", picture(1))
        page = await port.call(PAGE)
        before = listed(port)
        await page.hears(before)

        assert port.cameras.forget(time.monotonic() + FORGET_SECONDS + 1)
        port.show("front", picture(2))
        after = listed(port)
        assert after != before
        await page.hears(after)

    on_a_port(body)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"", LIST[:20], id="half a head"),
        pytest.param(b"", b"\r\n", id="an empty line"),
        pytest.param(b"", PAGE[:-2], id="half a WebSocket's"),
        pytest.param(LIST, LIST[:20], id="half a head after a request"),
        pytest.param(LIST, b"\r\n", id="an empty line after a request"),
    ],
)
def test_a_connection_without_a_whole_request_head_is_closed(monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes) -> None:
    monkeypatch.setattr(HttpProtocol, "patience", 0.5)

    async def body(port: Port) -> None:
        caller = await port.call(first)
        if first:
            await caller.hears(b"[]")
        caller.send(then)
        await caller.is_closed()

    on_a_port(body)


def test_requests_in_pieces_and_open_streams_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpProtocol, "patience", 5.0)

    async def body(port: Port) -> None:
        port.show("front", picture(1))
        film, page = await port.call(LIST + FILM), await port.call(PAGE)
        await film.hears(picture(1))
        await page.hears(b'"hello"')
        await page.hears(b'"status"')
        slow = await port.call(LIST[:20])
        await (await port.call(LIST)).hears(b'"front"')
        slow.send(LIST[20:])
        await slow.hears(b'"front"')

        await (await port.call(b"")).is_closed()  # more than the time has passed for those before it
        port.show("front", picture(2))
        port.hub.tick(time.monotonic())
        await film.hears(picture(2))
        await page.hears(b'"status"')

    on_a_port(body)


def test_the_server_leaves_signals_to_the_service() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def body(port: Port) -> None:
        await (await port.call(LIST)).hears(b"[]")
        assert signal.getsignal(signal.SIGTERM) == before

    on_a_port(body)


def test_what_is_known_of_a_connection_goes_with_it() -> None:
    async def body(port: Port) -> None:
        callers = [await port.call(request) for request in (LIST, PAGE, b"", LIST[:20])]
        await callers[0].hears(b"[]")
        await callers[1].hears(b'"status"')
        assert _Connection.deadlines
        for caller in callers:
            await caller.hang_up()
        await asyncio.to_thread(eventually, lambda: not _Connection.deadlines, within=WITHIN)

    on_a_port(body)
