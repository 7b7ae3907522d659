"""A stand-in for a service on the Internet: a real HTTP server that can answer, refuse, hang and cut."""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

C = TypeVar("C")


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def form(self) -> dict[str, bytes]:
        """The fields of a multipart form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + self.body).get_payload()
        assert isinstance(parts, list)
        return {_name(part): part.get_payload(decode=True) for part in parts if isinstance(part, Message)}  # type: ignore[misc]


def _name(part: Message) -> str:
    return str(part.get_param("name", header="content-disposition"))


class Exchange:
    """What an Answer may do with one request."""

    def __init__(self, handler: BaseHTTPRequestHandler, call: Any, stopped: threading.Event) -> None:
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

    def json(self, status: int, content: Any, **headers: str) -> None:
        """This status with JSON; `Retry_After="30"` becomes a header."""
        body = json.dumps(content).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **named})
        self.write(body)


Answer = Callable[[Exchange], None]


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

    def __init__(self, then: Answer) -> None:
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


class StandIn(Generic[C]):
    """The server. `script` is answered first, call by call; then `default`."""

    def __init__(
        self,
        port: int = 0,
        *,
        default: Answer,
        host: str = "127.0.0.1",
        on_call: Callable[[C], None] = lambda call: None,
    ) -> None:
        self.calls: list[C] = []
        self.script: deque[Answer] = deque()
        self.default = default
        self._stopped = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 0

            def handle_call(self) -> None:
                call = stand_in.parsed(self._request())
                if call is not None:
                    on_call(call)
                    stand_in.calls.append(call)
                answer = stand_in._next() if call is not None else _not_found
                try:
                    answer(Exchange(self, call, stand_in._stopped))
                except OSError:
                    self.close_connection = True  # the caller left, as it may

            do_POST = do_PUT = do_GET = handle_call  # noqa: N815  # the names that http.server looks for

            def _request(self) -> Request:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                return Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A connection that was cut on purpose is no news."""

        self._server = Server((host, port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def parsed(self, request: Request) -> C | None:
        """What was called; None is answered with 404."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Its address, for a client on this machine."""
        return f"http://127.0.0.1:{self.port}"

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


def _not_found(exchange: Exchange) -> None:
    exchange.json(404, {"errors": [{"message": "There is nothing here."}]})


def run(about: str, setting: str, make: Callable[..., StandIn[Any]], shown: Callable[[Any], dict[str, Any]]) -> int:
    """Run a stand-in by hand: it prints each call as a line of JSON."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, default=8081, help="where to listen")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options = parser.parse_args()
    server = make(options.port, host=options.host, on_call=lambda call: print(json.dumps(shown(call)), flush=True)).start()
    print(f"{setting}={server.url}", file=sys.stderr, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()
    return 0
