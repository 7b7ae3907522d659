"""What the page's port does with connections: real sockets, without a broker."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import signal
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import uvloop
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from seccam.frame import Frame
from seccam_monitor.http import app
from seccam_monitor.http.connections import Connection, Connections, most_connections
from seccam_monitor.http.server import Server
from seccam_monitor.http.uvicorn_protocols import MAX_HEAD, HttpProtocol
from seccam_monitor.ingest.cameras import FORGET_SECONDS, Cameras
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers.hub import Hub
from tests.integration.monitors import picture
from tests.unit.monitor.routes import unconnected
from tests.waiting import eventually

#: Seconds in which anything has to come.
WITHIN = 30.0


class Port:
    """A monitor's port, with nothing behind it but what the test puts in."""

    def __init__(
        self,
        application: ASGIApp | None = None,
        *,
        most: int = 100,
        most_per_address: int = 64,
        proxies: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, [])
        self.cameras = Cameras([], time.monotonic())
        self.hub = Hub(self.cameras, VisitList(60.0), away=30.0, max_viewers=5, loop=asyncio.get_running_loop())
        networks = [ipaddress.ip_network(proxies)] if proxies else []
        self.connections = Connections(most, most_per_address, networks, metrics.connections_refused)
        commands = unconnected(metrics)
        application = application or app.create(self.hub, metrics, frozenset(), commands=commands, most_per_client=most_per_address)
        self.server = Server(application, self.connections, proxies, tls)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
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

    def refused(self, reason: str) -> float | None:
        """The metric."""
        return self.registry.get_sample_value("seccam_monitor_connections_refused_total", {"reason": reason})

    async def call(self, request: bytes, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Caller:
        """A new connection from this address on which this has been sent."""
        caller = Caller(*await asyncio.open_connection(*self.address, local_addr=(address, 0), ssl=tls))
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

    async def hears(self, what: bytes) -> bytes:
        """Read until this has come; returns all that was read."""
        async with asyncio.timeout(WITHIN):
            return await self._reader.readuntil(what)

    async def is_closed(self) -> None:
        """Read to the end."""
        async with asyncio.timeout(WITHIN):
            with suppress(ConnectionResetError):  # not everything that was sent had been read
                await self._reader.read()

    def stop_reading(self) -> None:
        """Leave what comes to the kernel."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket has it

    async def is_cut_while_asking(self, request: bytes, times: int) -> None:
        """Send requests and read none of the answers until the other side has enough."""
        self.stop_reading()
        self.send(request * times)
        with suppress(ConnectionError):
            while not self._writer.transport.is_closing():
                self.send(request)
                await asyncio.sleep(0.05)

    @property
    def unsent(self) -> int:
        """Bytes that the other side hasn't read."""
        return self._writer.transport.get_write_buffer_size()

    async def hang_up(self) -> None:
        """Leave."""
        self._writer.close()
        with suppress(OSError):  # it was cut
            await self._writer.wait_closed()


def on_a_port(body: Callable[[Port], Awaitable[None]], **options: Any) -> None:
    """Run a test's body."""

    async def run() -> None:
        await Port(**options).during(body)

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
    monkeypatch.setattr(Connection, "head_seconds", 0.5)

    async def body(port: Port) -> None:
        caller = await port.call(first)
        if first:
            await caller.hears(b"[]")
        caller.send(then)
        await caller.is_closed()

    on_a_port(body)


def test_requests_in_pieces_and_open_streams_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "head_seconds", 5.0)

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
        assert len(port.connections) == len(callers)
        for caller in callers:
            await caller.hang_up()
        await asyncio.to_thread(eventually, lambda: not len(port.connections), within=WITHIN)
        assert not port.connections._of_network

    on_a_port(body)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param("".join(f"X-{i}: 1\r\n" for i in range(129)), id="129 headers"),
        pytest.param(f"X: {'x' * 8192}\r\n", id="one over 8 KiB"),
    ],
)
def test_a_websocket_with_headers_beyond_the_librarys_limits_is_refused(headers: str) -> None:
    async def body(port: Port) -> None:
        page = await port.call(PAGE[:-2] + headers.encode() + b"\r\n")
        await page.hears(b"HTTP/1.1 400 ")
        await page.is_closed()
        assert port.refused("malformed") == 1

    on_a_port(body)


def test_a_websocket_that_is_not_answered_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "head_seconds", 0.5)

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def body(port: Port) -> None:
        await (await port.call(PAGE)).is_closed()
        assert port.refused("head_timeout") == 1

    on_a_port(body, application=never)


def test_connections_beyond_the_limit_are_refused_until_one_ends() -> None:
    async def body(port: Port) -> None:
        callers = [await port.call(b"", address=f"127.0.0.{1 + i}") for i in range(3)]
        await asyncio.to_thread(eventually, lambda: len(port.connections) == 3, within=WITHIN)
        refused = await port.call(b"", address="127.0.0.9")
        await refused.hears(b"HTTP/1.1 503 ")
        await refused.is_closed()
        assert port.refused("limit") == 1

        await callers[0].hang_up()
        await asyncio.to_thread(eventually, lambda: len(port.connections) == 2, within=WITHIN)
        await (await port.call(LIST, address="127.0.0.9")).hears(b"[]")

    on_a_port(body, most=3)


def test_one_address_can_not_take_all_connections() -> None:
    async def body(port: Port) -> None:
        for _ in range(2):
            await port.call(b"", address="127.0.0.2")
        await asyncio.to_thread(eventually, lambda: len(port.connections) == 2, within=WITHIN)
        refused = await port.call(b"", address="127.0.0.2")
        await refused.hears(b"HTTP/1.1 503 ")
        assert port.refused("address_limit") == 1
        await (await port.call(LIST)).hears(b"[]")

    on_a_port(body, most_per_address=2)


def test_a_trusted_proxy_may_have_more_connections_but_each_of_its_clients_may_not() -> None:
    def of(client: str) -> bytes:
        return FILM[:-2] + f"X-Forwarded-For: {client}\r\n\r\n".encode()

    async def body(port: Port) -> None:
        port.show("front", picture(1))
        films = [await port.call(of(client)) for client in ("203.0.113.1", "203.0.113.1", "203.0.113.2")]
        for film in films:
            await film.hears(picture(1))

        await (await port.call(of("203.0.113.1"))).hears(b"HTTP/1.1 503 ")
        socket_of = PAGE[:-2] + b"X-Forwarded-For: 203.0.113.1\r\n\r\n"
        await (await port.call(socket_of)).hears(b"HTTP/1.1 503 ")
        await (await port.call(of("203.0.113.2"))).hears(picture(1))
        assert port.refused("address_limit") == 2

    on_a_port(body, most_per_address=2, proxies="127.0.0.1/32")


@pytest.mark.parametrize(("viewers", "files", "most"), [(50, 1024, 200), (50, 256, 192), (10_000, 1024, 960), (1, 64, 1)])
def test_connections_leave_files_to_the_rest_of_the_process(viewers: int, files: int, most: int) -> None:
    assert most_connections(viewers, files) == most


LONG = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * MAX_HEAD


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(LONG, id="an unfinished header"),
        pytest.param(LONG + b"\r\n\r\n", id="a long header"),
        pytest.param(b"GET /" + b"x" * MAX_HEAD + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="a long path"),
        pytest.param(LIST[:-2] + b"X: x\r\n" * (MAX_HEAD // 6) + b"\r\n", id="many headers"),
        pytest.param(LIST + LONG + b"\r\n\r\n", id="behind another request"),
        pytest.param(PAGE[:-2] + b"X: x\r\n" * (MAX_HEAD // 6) + b"\r\n", id="a websocket's"),
    ],
)
def test_a_head_over_32_kib_is_refused(head: bytes) -> None:
    async def body(port: Port) -> None:
        caller = await port.call(head)
        await caller.hears(b"HTTP/1.1 431 ")
        await caller.is_closed()
        assert port.refused("head_too_large") == 1

    on_a_port(body)


def test_a_head_of_almost_32_kib_is_served_also_in_pieces() -> None:
    async def body(port: Port) -> None:
        caller = await port.call(LIST[:-2])
        for _ in range(31):
            caller.send(b"X: " + b"x" * 1000 + b"\r\n")
            await asyncio.sleep(0.01)
        caller.send(b"\r\n")
        await caller.hears(b"[]")

    on_a_port(body)


def test_trailers_without_end_are_refused() -> None:
    async def body(port: Port) -> None:
        chunked = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        for trailers in (b"X: x\r\n" * (MAX_HEAD // 5), b"X: " + b"x" * 1_000_000):
            await (await port.call(chunked + b"1\r\nx\r\n0\r\n" + trailers)).is_closed()
        assert port.refused("head_too_large") == 2

    on_a_port(body)


def test_a_client_that_reads_no_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "write_seconds", 0.5)

    async def body(port: Port) -> None:
        caller = await port.call(b"")
        await asyncio.wait_for(caller.is_cut_while_asking(get("/static/main.js"), 2000), WITHIN)
        await asyncio.to_thread(eventually, lambda: port.refused("write_timeout") == 1, within=WITHIN)

    on_a_port(body)


@pytest.mark.parametrize("request_head", [LIST, PAGE], ids=["a request", "a websocket"])
def test_two_host_headers_are_refused(request_head: bytes) -> None:
    async def body(port: Port) -> None:
        await (await port.call(request_head[:-2] + b"Host: localhost\r\n\r\n")).hears(b"HTTP/1.1 400 ")

    on_a_port(body)


def test_browsers_are_told_to_stay_with_tls_only_by_a_response_over_tls_on_its_port() -> None:
    async def body(port: Port) -> None:
        over_tls = await port.call(LIST[:-2] + b"X-Forwarded-Proto: https\r\n\r\n")
        await over_tls.hears(b"strict-transport-security: max-age=15724800\r\n")
        plain = await port.call(LIST)
        assert b"strict-transport-security" not in await plain.hears(b"[]")
        # other services on other ports of the host may have no TLS
        own_port = await port.call(LIST.replace(b"127.0.0.1", b"127.0.0.1:8443")[:-2] + b"X-Forwarded-Proto: https\r\n\r\n")
        assert b"strict-transport-security" not in await own_port.hears(b"[]")

    on_a_port(body, proxies="127.0.0.1/32")


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """A WebSocket's frame from a browser, of up to 125 bytes, masked with zeros."""
    return bytes((0x80 * last | opcode, 0x80 | len(payload))) + bytes(4) + payload


def test_pings_of_a_client_that_reads_nothing_are_not_answered_without_limit() -> None:
    async def body(port: Port) -> None:
        page = await port.call(PAGE)
        await page.hears(b'"status"')
        page.stop_reading()
        connection = next(iter(port.connections))
        page.send(frame(9, b"x" * 125) * 200_000)
        await asyncio.to_thread(eventually, lambda: not page.unsent, within=WITHIN)
        assert 0 < connection.transport.get_write_buffer_size() < 2_000_000

    on_a_port(body)


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        pytest.param(b"", frame(1, b'{"type":"ping","c":' + b"1" * 80 + b"}"), "slow", id="pings of the page"),
        pytest.param(frame(1, b"x", last=False), frame(0, b"", last=False), "client", id="empty fragments"),
    ],
)
def test_a_page_that_only_fills_memory_is_closed(first: bytes, then: bytes, reason: str) -> None:
    async def body(port: Port) -> None:
        page = await port.call(PAGE)
        await page.hears(b'"status"')
        page.stop_reading()
        page.send(first + then * 100_000)
        closed = {"transport": "websocket", "reason": reason}
        counted = partial(port.registry.get_sample_value, "seccam_monitor_viewers_closed_total", closed)
        await asyncio.to_thread(eventually, lambda: counted() == 1, within=WITHIN)

    on_a_port(body)


def test_what_comes_behind_an_unanswered_request_is_not_read() -> None:
    async def body(port: Port) -> None:
        port.show("front", picture(1))
        film = await port.call(FILM)
        await film.hears(picture(1))
        film.send(LIST * 500_000)
        protocol = next(connection for connection in port.server.server_state.connections if isinstance(connection, HttpProtocol))
        for shade in range(2, 20):
            port.show("front", picture(shade))
            await film.hears(picture(shade))
        assert len(protocol.pipeline) <= 1
        assert film.unsent > 10_000_000

    on_a_port(body)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def body(port: Port) -> None:
        port.show("front", picture(1))
        caller = await port.call((LIST + get("/cameras/none/snapshot.jpg")) * 20 + get("/cameras/front/snapshot.jpg"))
        for _ in range(20):
            await caller.hears(b'"front"')
            await caller.hears(b"HTTP/1.1 404 ")
        await caller.hears(picture(1))

    on_a_port(body)


def test_a_websocket_behind_an_unanswered_request_is_refused() -> None:
    async def body(port: Port) -> None:
        late = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n"
        caller = await port.call(late + b"x" + PAGE)
        await caller.is_closed()
        assert port.refused("malformed") == 1

    on_a_port(body)
