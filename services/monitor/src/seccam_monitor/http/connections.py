"""The connections to the page's port: how many there may be, and how long each may keep the monitor waiting.

Without these limits, anybody who reaches the port can use up the process's open files or its memory without a login.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from prometheus_client import Counter as Metric

from seccam_monitor.auth.lockout import network_of

#: A client's address and port, and more for IPv6.
Peer = tuple[Any, ...]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Connections besides those of viewers: browsers open up to six for the page, its files and its pictures.
_SPARE_CONNECTIONS = 100
#: Open files that connections leave to the rest of the process: probes, metrics, the broker, files.
_RESERVED_FILES = 64


def most_connections(max_viewers: int, max_files: int | None = None) -> int:
    """How many connections may be open: enough for these viewers, and within the process's limit of open files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if max_files is None else max_files
    wanted = 2 * max_viewers + _SPARE_CONNECTIONS
    return wanted if files == resource.RLIM_INFINITY else max(1, min(wanted, files - _RESERVED_FILES))


class Connection:
    """One connection, also after it has become a WebSocket."""

    #: Seconds from the connection, or from the end of a response, until the head of the next request is complete; and for a
    #: WebSocket, until it is answered.
    head_seconds: ClassVar[float] = 10.0
    #: Seconds in which a client has to read something of what was sent.
    write_seconds: ClassVar[float] = 10.0
    #: The same for a WebSocket, longer because a viewer has a rule of its own: 10 s without an acknowledgement.
    websocket_write_seconds: ClassVar[float] = 15.0

    def __init__(self, transport: asyncio.Transport, network: str, refused: Mapping[str, Metric]) -> None:
        self.transport, self.network, self._refused = transport, network, refused
        self._loop = asyncio.get_running_loop()
        self._write_seconds = self.write_seconds
        self._unread, self._progress = 0, self._loop.time()
        self._head: asyncio.TimerHandle | None = None
        self.await_head()
        self._check = self._loop.call_later(self.write_seconds / 10, self._check_progress)

    def await_head(self) -> None:
        """Start the time within which the client has to send a request's head."""
        self.head_complete()
        self._head = self._loop.call_later(self.head_seconds, self._head_is_late)

    def head_complete(self) -> None:
        """A head is complete: the client isn't waited for any more."""
        if self._head:
            self._head.cancel()
            self._head = None

    def become_websocket(self) -> None:
        """The client has asked for a WebSocket."""
        self._write_seconds = self.websocket_write_seconds
        self.await_head()

    def refuse(self, reason: str, status: HTTPStatus | None = None) -> None:
        """Count and close, after an answer with this status."""
        self._refused[reason].inc()
        if status:
            self.transport.write(answer(status))
        self.transport.close()

    def forget(self) -> None:
        """The connection is closed."""
        self.head_complete()
        self._check.cancel()

    def _head_is_late(self) -> None:
        self.refuse("head_timeout")

    def _check_progress(self) -> None:
        """Abort if nothing was read of what waits; a close would wait for that as well."""
        now, unread = self._loop.time(), self.transport.get_write_buffer_size()
        if unread < self._unread or not self._unread:
            self._progress = now
        self._unread = unread
        if now - self._progress >= self._write_seconds:
            self._refused["write_timeout"].inc()
            self.transport.abort()
        else:
            self._check = self._loop.call_later(self.write_seconds / 10, self._check_progress)


class Connections:
    """All open connections."""

    def __init__(self, most: int, most_per_address: int, proxies: Collection[Network], refused: Mapping[str, Metric]) -> None:
        self._most, self._most_per_address = most, most_per_address
        self._proxies, self._refused = proxies, refused
        self._open: dict[asyncio.BaseTransport, Connection] = {}
        #: Connections in TLS's handshake.
        self._handshakes: dict[Peer, str] = {}
        self._of_network = Counter[str]()

    def __len__(self) -> int:
        return len(self._open) + len(self._handshakes)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._open.values())

    def __getitem__(self, transport: asyncio.BaseTransport) -> Connection:
        return self._open[transport]

    def begin_handshake(self, peer: Peer) -> bool:
        """A client has connected and begins with TLS. Beyond a limit it is to be closed, and the result is False."""
        if self._is_refused(peer[0]):
            return False
        self._handshakes[peer] = self._enter(peer[0])
        return True

    def end_handshake(self, peer: Peer, *, failed: bool = False) -> None:
        """The handshake is over."""
        network = self._handshakes.pop(peer, None)
        if network is not None:
            self._leave(network)
        if failed:
            self._refused["handshake"].inc()

    def open(self, transport: asyncio.Transport) -> Connection | None:
        """A client has connected, and TLS is established. Beyond a limit it is refused at once, and the result is None."""
        peer = transport.get_extra_info("peername") or ("",)
        self.end_handshake(peer)
        if self._is_refused(peer[0]):
            transport.write(answer(HTTPStatus.SERVICE_UNAVAILABLE))
            transport.close()
            return None
        connection = self._open[transport] = Connection(transport, self._enter(peer[0]), self._refused)
        return connection

    def close(self, transport: asyncio.BaseTransport) -> None:
        """The connection is closed."""
        connection = self._open.pop(transport, None)
        if connection:
            connection.forget()
            self._leave(connection.network)

    def _enter(self, address: str) -> str:
        network = network_of(address)
        self._of_network[network] += 1
        return network

    def _leave(self, network: str) -> None:
        self._of_network[network] -= 1
        if not self._of_network[network]:
            del self._of_network[network]

    def _is_refused(self, address: str) -> bool:
        reason = self._reason_to_refuse(address)
        if reason:
            self._refused[reason].inc()
        return bool(reason)

    def _reason_to_refuse(self, address: str) -> str:
        if len(self) >= self._most:
            return "limit"
        if self._of_network[network_of(address)] >= self._most_per_address and not self._is_proxy(address):
            return "address_limit"
        return ""

    def _is_proxy(self, address: str) -> bool:
        """Whether this is a proxy, which speaks for many clients; RequestGuard limits each of those."""
        try:
            return any(ipaddress.ip_address(address) in proxy for proxy in self._proxies)
        except ValueError:
            return False


def answer(status: HTTPStatus) -> bytes:
    """A whole response, for clients that are refused before there is a request."""
    text = f"{status.description}.\n"
    retry = "retry-after: 10\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\n{retry}connection: close\r\n\r\n{text}"
    ).encode()
