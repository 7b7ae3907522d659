"""uvicorn's protocols, with the transport in the scope: a viewer that takes nothing must be cut, not waited for.

And with a deadline for a request's head: uvicorn waits for the first one for ever, and for a later one too once it has begun.
Without one, anybody could hold as many connections as there may be files, and nobody would get in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_EXTENSION = "seccam.transport"


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1."""

    #: Seconds from the connection, or from the end of an answer, until the next request's head is there.
    patience: ClassVar[float] = 10.0

    _deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody called."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, whoever ended it."""
        self._deadline.cancel()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """The head is there; a WebSocket's too."""
        self._deadline.cancel()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer was given."""
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request was there before
            self._await_head()

    def on_message_begin(self) -> None:
        """A request begins; uvicorn makes its scope here."""
        super().on_message_begin()
        _extend(self.scope, self.transport)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.patience, self.transport.close)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket."""

    async def run_asgi(self) -> None:
        """The handshake was read; uvicorn has made the scope before."""
        _extend(self.scope, self.transport)
        await super().run_asgi()


def _extend(scope: Any, transport: asyncio.Transport) -> None:
    scope["extensions"] = {**scope.get("extensions", {}), _EXTENSION: transport}


def transport_of(scope: Mapping[str, Any]) -> asyncio.Transport:
    """The connection that a request came on."""
    transport: asyncio.Transport = scope["extensions"][_EXTENSION]
    return transport
