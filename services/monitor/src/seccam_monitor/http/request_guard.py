"""Checks the Host and Origin of every request, limits each client's, adds security headers, and measures durations."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seccam import audit, logs
from seccam_monitor.auth.lockout import network_of
from seccam_monitor.auth.login import address_of, who
from seccam_monitor.metrics import Metrics
from seccam_monitor.settings import is_loopback

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
#: Added to every response.
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # no-referrer would hide the origin of our own forms as well
    "referrer-policy": "same-origin",
    # no other site may embed our pictures, or measure them
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_FIXED = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
#: Added over TLS: browsers don't come without TLS for half a year. Not on a port of its own, as it holds for all ports of the name,
#: where other services may have no TLS.
_HSTS = (b"strict-transport-security", b"max-age=15724800")
_NO_CACHE = (b"cache-control", b"no-cache")
#: Methods that change nothing, so other sites may make a browser use them; they can't read the response.
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def host_of(netloc: str) -> str:
    """The host in `host[:port]` or `[v6]:port`, in lower case; empty if there is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def _has_port(netloc: str) -> bool:
    """Whether a Host header names a port; an IPv6 address is in brackets."""
    return ":" in netloc.rpartition("]")[2]


def may_call(host: str, names: Iterable[str], own_address: str) -> bool:
    """Whether a browser may use this Host header.

    A site whose name was made to point here (DNS rebinding) sends its own name. So only loopback, the names of the setting,
    and the address of the connection itself are allowed.
    """
    name = host_of(host)
    ours = name in names or name in map(host_of, names) or (name == own_address and _is_address(name))
    return bool(name) and (is_loopback(name) or ours)


def same_origin(origin: str | None, host: str, names: Iterable[str]) -> bool:
    """Whether our own page opens the WebSocket or sends the form. Programs other than browsers send no Origin."""
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # including the port: cookies ignore it, so a page on another port would send our login's
    return parts.scheme in ("http", "https") and parts.netloc.lower() in (host.lower(), *names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class RequestGuard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, names: frozenset[str], metrics: Metrics, most_per_client: int) -> None:
        self._app, self._names, self._metrics, self._most_per_client = app, names, metrics, most_per_client
        self._running = Counter[str]()
        self._refusals = logs.Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with self._place(scope) as admitted:
            if scope["type"] == "http":
                await self._http(scope, receive, send, self._app if admitted else _TOO_MANY)
            else:
                await self._websocket(scope, receive, send, self._app if admitted else _TOO_MANY)

    @contextlib.contextmanager
    def _place(self, scope: Scope) -> Iterator[bool]:
        """Count the client's running requests; False beyond the limit.

        Behind a trusted proxy this is the only limit for each client. Elsewhere that of connections comes first.
        """
        client = network_of(address_of(scope))
        admitted = self._running[client] < self._most_per_client
        if not admitted:
            self._metrics.connections_refused["address_limit"].inc()
        self._running[client] += 1
        try:
            yield admitted
        finally:
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        if _has_two_hosts(scope):
            await _TWO_HOSTS(scope, receive, send)
        elif self._refused(scope) or not self._own_page(scope):
            await send({"type": "websocket.close"})  # before the handshake: uvicorn answers 403
        else:
            await app(scope, receive, send)

    def _refused(self, scope: Scope) -> bool:
        own = scope["server"][0] if scope.get("server") else ""
        refused = not may_call(_header(scope, b"host") or "", self._names, own)
        if refused:
            self._note("refused_host", scope)
        return refused

    def _own_page(self, scope: Scope) -> bool:
        site = _header(scope, b"sec-fetch-site")
        origin, host = _header(scope, b"origin"), _header(scope, b"host") or ""
        own = site in (None, "same-origin", "none") and same_origin(origin, host, self._names)
        if not own:
            self._note("refused_origin", scope)
        return own

    def _note(self, action: str, scope: Scope) -> None:
        """Note a refusal in the audit log. It costs its sender nothing, so not each one is noted."""
        if self._refusals.allows(f"{action} {network_of(address_of(scope))}"):
            audit.note(action, **who(scope))

    async def _http(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        began = time.monotonic()
        status = 500
        streams = False

        async def answer(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *_FIXED]
                streams = any(k == b"content-type" and v.startswith(b"multipart/") for k, v in headers)
                if scope["scheme"] == "https" and not _has_port(_header(scope, b"host") or ""):
                    headers.append(_HSTS)
                if not any(k == b"cache-control" for k, _ in headers):
                    headers.append(_NO_CACHE)
            await send(message)

        try:
            if _has_two_hosts(scope):
                await _TWO_HOSTS(scope, receive, answer)
            elif self._refused(scope):
                await _MISDIRECTED(scope, receive, answer)
            elif scope["method"] not in _READING and not self._own_page(scope):
                await _FOREIGN(scope, receive, answer)
            else:
                await app(scope, receive, answer)
        finally:
            if not streams:
                self._metrics.requests.labels(route_of(scope), f"{status // 100}xx").observe(time.monotonic() - began)


def route_of(scope: Scope) -> str:
    """The template of the route that handled the request, never the path itself."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "/static" if scope["path"].startswith("/static/") else "other"
    return str(path)


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def _has_two_hosts(scope: Scope) -> bool:
    """Whether a proxy in front may have read another Host than the one that is checked here."""
    return [key for key, _ in scope["headers"]].count(b"host") > 1


_TWO_HOSTS = PlainTextResponse("The request has more than one Host header.\n", 400, {"connection": "close"})
_MISDIRECTED = PlainTextResponse(
    "This monitor doesn't serve the host name in your address bar. Use 127.0.0.1, "
    "or add the name to SECCAM_MONITOR_ALLOWED_HOSTS.\n",
    421,
)
_FOREIGN = PlainTextResponse(
    "A page of another site sent this request. If it was this one, behind a proxy on another port, "
    "add name:port to SECCAM_MONITOR_ALLOWED_HOSTS.\n",
    403,
)
_TOO_MANY = PlainTextResponse("Too many requests of this address are running.\n", 503, {"retry-after": "10", "connection": "close"})
