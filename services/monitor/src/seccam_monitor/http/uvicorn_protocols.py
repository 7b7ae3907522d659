"""uvicorn's protocols with limits: there may be so many connections, and each has deadlines.

uvicorn waits for heads and for slow readers for ever.

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

from seccam_monitor.http.connections import Connection, Connections

_TRANSPORT = "seccam.transport"


class Config(uvicorn.Config):
    """uvicorn's configuration, and the connections of all protocols."""

    def __init__(self, app: ASGIApp, connections: Connections, **options: Any) -> None:
        super().__init__(app, http=HttpProtocol, ws=WebSocketProtocol, **options)
        self.connections = connections


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


def transport_of(scope: Mapping[str, Any]) -> asyncio.Transport:
    """The connection that a request came on."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    return transport
