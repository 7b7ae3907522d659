"""uvicorn's protocols with two additions: the scope has the connection's transport, and a request's head has a deadline.

The transport is there to abort a viewer that takes nothing. Without the deadline, anybody could hold as many connections
as there may be open files by sending nothing: uvicorn waits for the first head for ever, and for a later one that has begun.

Besides asyncio's own callbacks this relies on one attribute of uvicorn's protocols, `app`, which they call for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_TRANSPORT = "seccam.transport"


class _Connection:
    """ASGI middleware of one connection."""

    #: By transport: an upgrade to a WebSocket makes another connection on the same one.
    deadlines: ClassVar[dict[asyncio.BaseTransport, asyncio.TimerHandle]] = {}

    def __init__(self, app: ASGIApp, transport: asyncio.Transport, patience: float) -> None:
        self._app, self._transport, self._patience = app, transport, patience
        self._await_head()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, whose head is complete."""
        self.forget(self._transport)
        try:
            await self._app({**scope, _TRANSPORT: self._transport}, receive, send)
        finally:
            if not self._transport.is_closing():
                self._await_head()

    def _await_head(self) -> None:
        self.forget(self._transport)
        self.deadlines[self._transport] = asyncio.get_running_loop().call_later(self._patience, self._transport.close)

    @classmethod
    def forget(cls, transport: asyncio.BaseTransport) -> None:
        """Drop the connection's deadline."""
        deadline = cls.deadlines.pop(transport, None)
        if deadline:
            deadline.cancel()


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1."""

    #: Seconds from the connection, or from the end of a response, until the head of the next request is complete.
    patience: ClassVar[float] = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has connected."""
        super().connection_made(transport)
        self.app = _Connection(self.app, transport, self.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side has closed the connection."""
        _Connection.forget(self.transport)
        super().connection_lost(exc)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket; its connection was an HTTP one before."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake's head has been read."""
        super().connection_made(transport)
        self.app = _Connection(self.app, self.transport, HttpProtocol.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side has closed the connection."""
        _Connection.forget(self.transport)
        super().connection_lost(exc)


def transport_of(scope: Mapping[str, Any]) -> asyncio.Transport:
    """The connection that a request came on."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    return transport
