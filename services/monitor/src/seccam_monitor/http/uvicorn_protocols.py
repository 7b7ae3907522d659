"""uvicorn's protocols with limits: a connection has deadlines, a request's head has a size, and requests are read one at a time.

uvicorn waits for heads and for slow readers for ever, keeps heads of any size, and parses all requests that have been
received while one is being answered.

The scope has the connection's transport as well: it is there to abort a viewer that takes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from seccam_monitor.http.connections import Connection, Connections

#: Largest head of a request, bytes: several times what browsers send, cookies of other services on the same host included.
MAX_HEAD = 32 * 1024

#: Fragments that a message of a WebSocket may have. Their sizes are limited already, but there may be empty ones.
_MAX_FRAGMENTS = 64
_TRANSPORT = "seccam.transport"
_END_OF_HEAD = b"\r\n\r\n"


class Config(uvicorn.Config):
    """uvicorn's configuration, and the connections of all protocols."""

    def __init__(self, app: ASGIApp, connections: Connections, **options: Any) -> None:
        super().__init__(app, http=HttpProtocol, ws=WebSocketProtocol, **options)
        self.connections = connections


class _HeadTooLargeError(Exception):
    """Ends the parsing of a request."""


class _Application:
    """ASGI middleware of one connection: ends and begins the time for a request's head, and adds the transport."""

    def __init__(self, app: ASGIApp, connection: Connection) -> None:
        self._app, self._connection = app, connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, whose head is complete."""
        connection = self._connection

        async def answer(message: Message) -> None:
            connection.head_complete()
            await send(message)

        if scope["type"] == "http":
            connection.head_complete()
        try:
            await self._app({**scope, _TRANSPORT: connection.transport}, receive, answer if scope["type"] == "websocket" else send)
        finally:
            if not connection.transport.is_closing():
                connection.await_head()


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1."""

    def __init__(self, config: Config, **more: Any) -> None:
        super().__init__(config, **more)
        self._connections = config.connections
        self._connection: Connection | None = None
        #: Received behind a request that isn't answered yet.
        self._held = b""
        #: Size of the head that is being parsed, and bytes received since the last one, or since a piece of a body.
        self._head_size = self._unparsed = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has connected."""
        self._connection = self._connections.open(transport)
        if self._connection:
            super().connection_made(transport)
            self.app = _Application(self.app, self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side has closed the connection."""
        if self._connection:
            self._connections.close(self.transport)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something has been received: parse it, up to the end of a request that isn't answered yet."""
        if self._connection:
            self._held += data
            self._parse_held()

    def on_response_complete(self) -> None:
        """The request is answered; what was received behind it is next."""
        super().on_response_complete()
        if self._held:
            self.transport.resume_reading()
            self._parse_held()

    def _parse_held(self) -> None:
        data, self._held, start = self._held, b"", 0
        while start < len(data) and not self.transport.is_closing() and self.transport.get_protocol() is self:
            if self._is_busy():
                self._held = data[start:]
                self.transport.pause_reading()
                return
            end = data.find(_END_OF_HEAD, start)  # no piece has two whole heads
            end = len(data) if end < 0 else end + len(_END_OF_HEAD)
            self._unparsed += end - start
            super().data_received(data[start:end])
            if self._unparsed > MAX_HEAD:
                self._refuse("head_too_large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            start = end

    def _is_busy(self) -> bool:
        """Whether a whole request waits for its answer."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def _refuse(self, reason: str, status: HTTPStatus) -> None:
        """Answer and close, or just close where another answer isn't complete."""
        if self._connection and not self.transport.is_closing():
            answering = self.cycle is not None and not self.cycle.response_complete
            self._connection.refuse(reason, None if answering else status)

    # what uvicorn's protocol and its parser call

    def send_400_response(self, msg: str) -> None:
        """The request can't be parsed."""
        if self._head_size > MAX_HEAD:
            self._refuse("head_too_large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self._refuse("malformed", HTTPStatus.BAD_REQUEST)

    def handle_websocket_upgrade(self) -> None:
        """The client asks for a WebSocket; not before the request in front of it is answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._refuse("malformed", HTTPStatus.BAD_REQUEST)
        else:
            super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the URL is complete."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is complete, or a trailer behind the body."""
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._unparsed = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body has come."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._unparsed = 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise _HeadTooLargeError


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket; its connection was an HTTP one before."""

    def __init__(self, config: Config, **more: Any) -> None:
        super().__init__(config, **more)
        self._connections = config.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake's head has been read."""
        super().connection_made(transport)
        self._connection = self._connections[transport]
        self._connection.become_websocket()
        self.app = _Application(self.app, self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side has closed the connection."""
        self._connections.close(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The whole head of the handshake, or frames."""
        super().data_received(data)
        if not self.handshake_initiated:  # over 128 headers or a long one: websockets drops it without an answer
            self._connection.refuse("malformed", HTTPStatus.BAD_REQUEST)

    # what uvicorn's protocol calls

    def handle_ping(self) -> None:
        """Send the pong that is due; none while the client reads nothing, or pongs would fill the memory."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """A fragment of a message has come."""
        if len(self.frames) < _MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.transport.is_closing():
            self._connection.refuse("malformed")


def transport_of(scope: Mapping[str, Any]) -> asyncio.Transport:
    """The connection that a request came on."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    return transport
