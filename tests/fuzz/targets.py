"""The parsers, each as a function of bytes that raises only if there is a bug."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pika
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from seccam import message, topology
from seccam.broker import Consumer, Delivery, StreamReader, Subscription
from seccam.broker.connection import Properties, headers_of, text
from seccam.errors import BadFrame, BadMessage
from seccam.frame import Frame, FrameDecoder
from seccam.order import Order
from seccam_camera.sources import http_auth
from seccam_camera.sources.multipart import MAX_HEADER, MAX_PART, MultipartParser, NotMultipartError
from seccam_monitor.http.connections import Connections
from seccam_monitor.http.request_guard import RequestGuard
from seccam_monitor.http.uvicorn_protocols import Config, HttpProtocol
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_notifier.memory import JournalEntry
from seccam_notifier.mode import Modes
from seccam_notifier.received import ReceivedMessage
from tests.unit.camera.pictures import picture
from tests.unit.notifier.world import World, body

JPEG = picture(64, 48)
FRAME = Frame(camera="front", boot_id="b1", seq=7, jpeg=JPEG, width=64, height=48, ts_ms=1_767_225_600_123, zone="Europe/Berlin")


@dataclass(frozen=True)
class Target:
    """A parser, and good input for it."""

    name: str
    #: Raises only if there is a bug.
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]


def _message(headers: Mapping[str, Any], content: bytes) -> bytes:
    """The properties as AMQP encodes them, behind their length, and the body."""
    encoded = b"".join(pika.BasicProperties(headers=dict(headers), message_id="front-b1-7", timestamp=1_767_225_600).encode())
    return struct.pack(">H", len(encoded)) + encoded + content


def _taken_apart(data: bytes) -> tuple[Properties, bytes]:
    length = int.from_bytes(data[:2], "big")
    properties = Properties()
    properties.decode(data[2 : 2 + length])
    return properties, data[2 + length :]


def frame(data: bytes) -> None:
    """A frame, from its AMQP properties on."""
    properties, content = _taken_apart(data)
    with contextlib.suppress(BadFrame):
        decoded = FrameDecoder("0ddba11").decode(topology.VIEW, "seccam.view.front", headers_of(properties), content)
        assert 0 <= decoded.seq < 2**53
        assert decoded.width * decoded.height > 0


def _carry_out(order: Order) -> None:
    now, modes = datetime.now(UTC), Modes(["hall"])
    command = message.decode_event(order.command("mqtt", "mqtt", now).encode())
    assert isinstance(command, message.CommandEvent)
    state = modes.obey(command, now)
    assert JournalEntry.decode(JournalEntry.of_state(state).encode()).state == state
    assert message.ModeReport.decode(modes.report(now).encode()) == modes.report(now)


def event(data: bytes) -> None:
    """A JSON message, up to the page's list of visits, and to the mode that an order leads to."""
    for decode in (message.Status.decode, message.Detection.decode, message.PresenceEvent.decode, message.ModeReport.decode):
        with contextlib.suppress(BadMessage):
            decode(data).encode()
    with contextlib.suppress(BadMessage):
        _carry_out(Order.read(data))
    with contextlib.suppress(BadMessage):
        VisitList(60.0).learn(message.EventOutcome.decode(data))
    with contextlib.suppress(BadMessage):
        found = message.decode_event(data)
        visits = VisitList(60.0)
        if isinstance(found, message.FaceEvent | message.PresenceEvent):
            visits.add(found, captured=1.0, published=10**13)
        for row in visits.last():
            json.dumps(row.message(2.0), allow_nan=False)


def multipart(data: bytes) -> None:
    """A camera's stream, in pieces of the size that its first byte says."""
    size, parser = 1 + (data[0] if data else 0) * 16, MultipartParser()
    with contextlib.suppress(NotMultipartError):
        for at in range(1, len(data), size):
            list(parser.feed(data[at : at + size], 1.0))
            assert len(parser._buffer) <= MAX_HEADER + MAX_PART


def login(data: bytes) -> None:
    """A camera's challenges: one WWW-Authenticate header a line."""
    answer = http_auth.authorization(data.decode("latin-1").split("\n"), ("user", "pass:wörd"), "/stream?a=b")
    if answer is not None:
        answer.encode("latin-1")


def stream(data: bytes) -> None:
    """The headers of deliveries from a stream, one after the other."""
    handled: list[Delivery] = []
    reader = StreamReader("seccam.events.log", handled.append, last=5)
    wanted: list[Subscription] = []
    consumer = SimpleNamespace(add=wanted.append, remove=lambda _: None, soon=lambda call, after=0.0: None)
    reader.attach(cast("Consumer", consumer))
    for _ in range(20):
        properties, data = _taken_apart(data)
        reader.subscription.consume()
        delivery = SimpleNamespace(headers=headers_of(properties), body=b"", ack=lambda: None)
        reader.subscription.handle(cast("Delivery", delivery))
    assert len(handled) <= 20


class _Notifier:
    """The notifier, started anew now and then, because its stand-ins remember every message."""

    def __init__(self) -> None:
        self._world, self._count = World(), 0

    def __call__(self, data: bytes) -> None:
        self._count += 1
        if self._count % 200 == 0:
            self._world = World()
        properties, content = _taken_apart(data)
        received = ReceivedMessage.of(content, text(properties.message_id or ""), properties.headers or {})
        self._world.notifier.handle(received)
        assert self._world.value("parked_total", reason="bug") == 0


class _Transport(asyncio.Transport):
    """A connection that takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8080), "peername": ("127.0.0.1", 40000)}.get(name, default)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    abort = close

    def write(self, data: Any) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol


_MOST_CONNECTIONS = 10


class _Head:
    """A request as it comes to the monitor, in two pieces; what nobody caught reaches the event loop's handler."""

    def __init__(self) -> None:
        metrics = Metrics(CollectorRegistry(), [])
        app = RequestGuard(PlainTextResponse("hello"), frozenset(), metrics, _MOST_CONNECTIONS)
        connections = Connections(_MOST_CONNECTIONS, _MOST_CONNECTIONS, (), metrics.connections_refused)
        self._config = Config(app, connections, log_config=None, lifespan="off")
        self._config.load()
        self._loop = asyncio.new_event_loop()
        self._errors: list[Mapping[str, Any]] = []
        self._loop.set_exception_handler(lambda _, context: self._errors.append(context))

    def __call__(self, data: bytes) -> None:
        self._errors.clear()
        self._loop.run_until_complete(self._serve(data))
        assert not self._errors, self._errors

    async def _serve(self, data: bytes) -> None:
        transport = _Transport()
        protocol: Any = HttpProtocol(config=self._config, server_state=ServerState(), app_state={})
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            current: Any = transport.protocol
            if piece and not transport.is_closing():
                current.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        current = transport.protocol
        current.connection_lost(None)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)


def _requests() -> Iterator[bytes]:
    yield b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: seccam=x\r\n\r\nGET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nname=\r\n0\r\n\r\n"
    yield b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nname="
    yield (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://localhost\r\n\r\n\x81\x85\0\0\0\0hello"
    )


def _part(length: bool) -> bytes:
    head = b"\r\n--b\r\nContent-Type: image/jpeg\r\n" + (b"Content-Length: %d\r\n" % len(JPEG) if length else b"") + b"\r\n"
    return (head + JPEG) * 2


_FACE = json.dumps(body()).encode()
_ORDERS = (
    b'{"mode": "disarmed", "until": "2026-03-10T13:30:00+01:00"}',
    b'{"snooze": {"cameras": ["front", "yard"], "minutes": 30}}',
)
_STATUS = message.Status(
    camera="front", state="live", since=1, zone="UTC", topics={"view": message.TopicStatus(open=True, fps=15, until=9)}, ts_ms=2
).encode()
_RETRY = {"x-seccam-attempt": 2, "x-death": [{"count": 1, "queue": "q"}], "x-seccam-replayed": True}
_OFFSETS = b"".join(_message({"x-stream-offset": offset}, b"") for offset in (17, 12, 13, 14))


def targets() -> list[Target]:
    """All parsers."""
    return [
        Target("frame", frame, [_message(FRAME.headers(), JPEG), _message({}, JPEG)]),
        Target("event", event, [_FACE, _STATUS, *_ORDERS]),
        Target("multipart", multipart, [b"\x40" + _part(length=True), b"\x05" + _part(length=False)]),
        Target(
            "login",
            login,
            [
                b'Digest realm="cam", nonce="abc", qop="auth,auth-int", algorithm=SHA-256, opaque="x"\nBasic realm="cam"',
                b'Basic realm="a, b", Digest realm="c", nonce="n", algorithm=MD5-sess',
            ],
        ),
        Target("notifier", _Notifier(), [_message(_RETRY, _FACE), _message({}, _FACE)]),
        Target("stream", stream, [_OFFSETS]),
        Target("head", _Head(), list(_requests())),
    ]
