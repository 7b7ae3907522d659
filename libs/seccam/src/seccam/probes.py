"""The ops port: /healthz, /readyz and /metrics. GET only, and without a login."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from seccam import logs

log = logs.get(__name__)

#: The failing checks by name: {"broker": "refused for 12 s"}; empty if everything is fine.
Checks = Callable[[], Mapping[str, str]]


class Heartbeat:
    """Shows whether a loop still runs: the loop calls `beat()`, a probe reads `age()`."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def beat(self, patience: float = 0.0) -> None:
        """Called by the loop on each turn; the next turn may take `patience` seconds longer."""
        self._at = time.monotonic() + patience

    def age(self) -> float:
        """Seconds since the last beat, without its patience."""
        return max(0.0, time.monotonic() - self._at)

    def silent(self, name: str, limit: float) -> dict[str, str]:
        """The check that fails when the loop has been silent for more than `limit` seconds."""
        age = self.age()
        return {name: f"silent for {age:.0f} s"} if age > limit else {}


#: Limit of open connections, because anybody who reaches the port can open them.
MAX_CONNECTIONS = 64


class _Server(ThreadingHTTPServer):
    """Serves each connection in its own thread."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)
        #: Open connections, oldest first; none is closed while `_changing` is held.
        self._open: dict[socket.socket, None] = {}
        self._changing = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Beyond MAX_CONNECTIONS, cut off the oldest connection, so that slow clients don't keep the kubelet out."""
        with self._changing:
            self._open[request] = None
            if len(self._open) > MAX_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with contextlib.suppress(OSError):  # already closed by the client
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread reads the end and closes it
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection."""
        with self._changing:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; log everything else, which is a bug in a check."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            log.exception("probe_failed")


class Probes:
    """The ops port of a service. It is ready from `watch()` until `stopping()`, as long as its checks pass."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self._live: Checks = dict
        self._ready: Checks = lambda: {"start": "not finished"}
        self._registry = registry
        gauge = Gauge("seccam_ready", "Result of /readyz: 1 ready, 0 not ready", registry=registry)
        gauge.set_function(lambda: 0 if self._ready() else 1)
        probes = self

        class Handler(BaseHTTPRequestHandler):
            """Serves the three paths."""

            server_version = "seccam"
            timeout = 5

            def do_GET(self) -> None:  # name given by the base class
                path = self.path.partition("?")[0]
                answer = {"/healthz": probes._health, "/readyz": probes._readiness, "/metrics": probes._metrics}.get(path)
                status, kind, body = answer(self.headers.get("Accept", "")) if answer else (404, "text/plain", b"not found\n")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing: probes come every few seconds."""

        self._server = _Server((host, port), Handler)
        #: The port that it listens on; differs from `port` only if that is 0.
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="probes", daemon=True).start()

    def watch(self, *, live: Checks, ready: Checks) -> None:
        """Set the checks behind /healthz and /readyz."""
        self._live, self._ready = live, ready

    def stopping(self) -> None:
        """Report as not ready from now on, but live."""
        self._ready = lambda: {"stop": "in progress"}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _health(self, _: str) -> tuple[int, str, bytes]:
        return _verdict(self._live(), "ok", "failing")

    def _readiness(self, _: str) -> tuple[int, str, bytes]:
        return _verdict(self._ready(), "ready", "not ready")

    def _metrics(self, accept: str) -> tuple[int, str, bytes]:
        encode, kind = choose_encoder(accept)
        return 200, kind, encode(self._registry)


def _verdict(failing: Mapping[str, str], good: str, bad: str) -> tuple[int, str, bytes]:
    body = json.dumps({"status": bad if failing else good, "checks": dict(failing)}).encode() + b"\n"
    return (503 if failing else 200), "application/json", body
