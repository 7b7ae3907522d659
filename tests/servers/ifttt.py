"""A stand-in for IFTTT's Webhooks service: a real HTTP server that can answer, refuse, hang and cut.

`python -m tests.servers.ifttt --port 8081` runs it by hand: it prints each call as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_PATH = re.compile(r"/trigger/([^/]+)/with/key/([^/]+)")


@dataclass(frozen=True)
class Call:
    """One POST as it came, recorded before it is answered."""

    event: str
    key: str
    values: Mapping[str, Any]
    #: The request's headers, names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange:
    """What an Answer may do with one request."""

    def __init__(self, handler: BaseHTTPRequestHandler, call: Call | None, stopped: threading.Event) -> None:
        self._handler, self.call, self.stopped = handler, call, stopped

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status line and headers."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def write(self, body: bytes) -> None:
        """A piece of the body, at once."""
        self._handler.wfile.write(body)
        self._handler.wfile.flush()

    def reset(self) -> None:
        """Cut the connection with a reset."""
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True
        connection.close()


Answer = Callable[[Exchange], None]


def ok(exchange: Exchange) -> None:
    """As IFTTT does."""
    event = exchange.call.event if exchange.call else ""
    body = f"Congratulations! You've fired the {event} event".encode()
    exchange.head(200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))})
    exchange.write(body)


def status(code: int, **headers: str) -> Answer:
    """This status; `Retry_After="30"` becomes a header."""

    def answer(exchange: Exchange) -> None:
        body = json.dumps({"errors": [{"message": f"You sent something that is answered {code}."}]}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.head(code, {"Content-Type": "application/json", "Content-Length": str(len(body)), **named})
        exchange.write(body)

    return answer


def hang(exchange: Exchange) -> None:
    """Takes the call and says nothing, until the server ends."""
    exchange.stopped.wait()
    exchange.reset()


def slow_body(exchange: Exchange) -> None:
    """A 200 at once, and a body that takes for ever."""
    exchange.head(200, {"Content-Type": "text/html", "Content-Length": "1000000"})
    while not exchange.stopped.wait(0.2):
        exchange.write(b".")


def slow_head(exchange: Exchange) -> None:
    """Headers that never end, each in time for a timeout between bytes."""
    exchange.write(b"HTTP/1.1 200 OK\r\n")
    while not exchange.stopped.wait(0.2):
        exchange.write(b"X: y\r\n")


def reset(exchange: Exchange) -> None:
    """The call is recorded, and the connection cut instead of an answer."""
    exchange.reset()


def half(exchange: Exchange) -> None:
    """Half a status line, and the end."""
    exchange.write(b"HTTP/1.1 2")
    exchange.reset()


class Hold:
    """Answers when let go."""

    def __init__(self, then: Answer = ok) -> None:
        self.taken, self._free, self._then = threading.Event(), threading.Event(), then

    def release(self) -> None:
        """Answer now."""
        self._free.set()

    def __call__(self, exchange: Exchange) -> None:
        self.taken.set()
        while not self._free.wait(0.05):
            if exchange.stopped.is_set():
                exchange.reset()
                return
        self._then(exchange)


class Ifttt:
    """The server. `script` is answered first, call by call; then `default`."""

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        default: Answer = ok,
        on_call: Callable[[Call], None] = lambda call: None,
    ) -> None:
        self.calls: list[Call] = []
        self.script: deque[Answer] = deque()
        self.default = default
        self._stopped = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 0

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(length)
                match = _PATH.fullmatch(self.path)
                call = None
                if match:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    call = Call(match[1], match[2], json.loads(body or b"{}"), headers)
                    on_call(call)
                    stand_in.calls.append(call)
                answer = status(404) if call is None else stand_in._next()
                try:
                    answer(Exchange(self, call, stand_in._stopped))
                except OSError:
                    self.close_connection = True  # the caller left, as it may

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A connection that was cut on purpose is no news."""

        self._server = Server((host, port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """What IFTTT_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    def values(self) -> list[tuple[str, str]]:
        """(camera, faces) of each call."""
        return [(call.values["value1"], call.values["value2"]) for call in self.calls]

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Let go of every caller, and listen no more."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _next(self) -> Answer:
        try:
            return self.script.popleft()
        except IndexError:
            return self.default


def main() -> int:
    """Run by hand."""
    parser = argparse.ArgumentParser("ifttt", description="A stand-in for IFTTT's Webhooks service; prints calls as JSON lines.")
    parser.add_argument("--port", type=int, default=8081, help="where to listen")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options = parser.parse_args()

    def tell(call: Call) -> None:
        print(json.dumps({"event": call.event, **call.values}), flush=True)

    server = Ifttt(options.port, host=options.host, on_call=tell).start()
    print(f"IFTTT_URL={server.url}", file=sys.stderr, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
