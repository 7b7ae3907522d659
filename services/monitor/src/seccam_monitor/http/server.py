"""uvicorn as a part of the service, with TLS whose handshakes count as connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Coroutine, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from seccam import logs
from seccam_monitor.http.connections import Connections, Peer
from seccam_monitor.http.uvicorn_protocols import Config
from seccam_monitor.viewers.protocol import MAX_INCOMING

log = logs.get(__name__)

#: Seconds that connections have to close when the service stops.
_GRACE = 2
#: Seconds that a client has for TLS's handshake, and for its goodbye.
_TLS_SECONDS = 10.0
#: Seconds to wait when no connection can be accepted, for want of open files for example.
_ACCEPT_PAUSE = 1.0


class Server(uvicorn.Server):
    """uvicorn in a service that handles signals itself; with TLS if there is a context.

    uvicorn's own TLS leaves the handshake to asyncio, which calls no protocol before its end: such connections would have no
    limit.
    """

    def __init__(self, application: ASGIApp, connections: Connections, proxies: str, tls: ssl.SSLContext | None = None) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        super().__init__(
            Config(
                application,
                connections,
                ws_max_size=MAX_INCOMING,
                ws_per_message_deflate=False,  # uvicorn would compress JPEGs, in vain
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._connections, self._tls = connections, tls
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to seccam.service."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        if self._tls is None:
            await super().startup(sockets)
            return
        await super().startup([])
        for listener in sockets or []:
            listener.setblocking(False)
            self._start(self._accept(listener, self._tls))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and close all connections."""
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        while True:
            try:
                client, peer = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as e:
                log.warning("connection_not_accepted", error=str(e))
                await asyncio.sleep(_ACCEPT_PAUSE)
                continue
            if self._connections.begin_handshake(peer):
                self._start(self._shake_hands(client, peer, tls))
            else:
                client.close()

    async def _shake_hands(self, client: socket.socket, peer: Peer, tls: ssl.SSLContext) -> None:
        failed = False
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                self._new_protocol, client, ssl=tls, ssl_handshake_timeout=_TLS_SECONDS, ssl_shutdown_timeout=_TLS_SECONDS
            )
        except OSError:  # too slow, no TLS, or a client that doesn't trust the certificate
            failed = True
        finally:
            # usually its protocol has ended it, but a client that has left at once has no address any more
            self._connections.end_handshake(peer, failed=failed)

    def _new_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
