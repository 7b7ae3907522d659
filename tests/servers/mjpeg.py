"""An HTTP MJPEG camera that can be controlled, with the framings and logins of real ones."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Callable, Sequence
from typing import Literal

from tests.servers.controlled import ControlledServer

_BOUNDARY = "picture"
_REALM, _NONCE = "camera", "0123456789abcdef"

#: How the end of a part is found: by its length, by the boundary, or by the boundary in a chunked body.
Framing = Literal["length", "boundary", "chunked"]
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


class MjpegServer(ControlledServer):
    """Streams `pictures` in a loop."""

    def __init__(
        self,
        pictures: Sequence[bytes],
        fps: float = 15.0,
        *,
        framing: Framing = "length",
        late_boundary: bool = False,
        login: tuple[str, str] | None = None,
        scheme: Literal["Basic", "Digest"] = "Basic",
        challenges: Sequence[str] = (),
        redirect: bytes = b"",
        dress: Callable[[bytes, int], bytes] = lambda picture, number: picture,
        port: int = 0,
    ) -> None:
        """`late_boundary`: it comes with the next picture, not behind this one. `dress(picture, number)` is what is sent.

        `challenges` are sent instead of its own, one header each, and one of their Digests or `scheme` is to be answered.
        `redirect` is where it leads whoever asks for its address.
        """
        self._pictures, self._framing, self._late = pictures, framing, late_boundary
        self._login, self._scheme, self._dress = login, scheme, dress
        self._challenges, self._redirect = challenges, redirect
        #: The first line and the headers of each request.
        self.requests: list[str] = []
        super().__init__(fps, port)

    @property
    def url(self) -> str:
        """Where it streams, without a login."""
        return f"http://127.0.0.1:{self.port}/stream"

    def _picture(self, number: int) -> bytes:
        return self._dress(self._pictures[number % len(self._pictures)], number)

    def _serve(self, client: socket.socket) -> None:
        request = client.recv(65536).decode()
        self._await_orders()
        self.answers += 1
        self.requests.append(request)
        if self._redirect and request.startswith("GET /stream "):
            client.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + self._redirect + b"\r\nContent-Length: 0\r\n\r\n")
            return
        if self._login and not self._may(request):
            asked = "".join(f"WWW-Authenticate: {challenge}\r\n" for challenge in self._challenges or [self._challenge()])
            client.sendall(f"HTTP/1.1 401 Unauthorized\r\n{asked}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        chunked = "Transfer-Encoding: chunked\r\n" if self._framing == "chunked" else ""
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        client.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{chunked}Content-Type: {kind}\r\n\r\n".encode())
        self._stream(client)

    def _stream(self, client: socket.socket) -> None:
        boundary = f"\r\n--{_BOUNDARY}\r\n".encode()
        seen, pending = 0, boundary[2:]
        while True:
            picture, seen = self._after(seen)
            length = b"Content-Length: %d\r\n" % len(picture) if self._framing == "length" else b""
            part = pending + b"Content-Type: image/jpeg\r\n" + length + b"\r\n" + picture
            part, pending = (part, boundary) if self._late else (part + boundary, b"")
            self._send(client, part)

    def _send(self, client: socket.socket, part: bytes) -> None:
        if self._framing != "chunked":
            client.sendall(part)
            return
        for at in range(0, len(part), 10_000):
            chunk = part[at : at + 10_000]
            client.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def _may(self, request: str) -> bool:
        assert self._login is not None
        user, password = self._login
        given = re.search(rf"^Authorization: {self._scheme} (.*?)\r$", request, re.MULTILINE)
        if given is None:
            return False
        if self._scheme == "Basic":
            return given[1] == base64.b64encode(f"{user}:{password}".encode()).decode()
        answer = dict(re.findall(r'(\w+)="?([^",]*)"?', given[1]))
        kind = _HASHES[answer.get("algorithm", "MD5").removesuffix("-sess")]
        secret = _hash(kind, f"{user}:{answer['realm']}:{password}")
        if answer.get("algorithm", "").endswith("-sess"):
            secret = _hash(kind, f"{secret}:{_NONCE}:{answer['cnonce']}")
        uri = f"GET:{answer['uri']}" + (f":{_hash(kind, '')}" if answer.get("qop") == "auth-int" else "")
        between = f"{_NONCE}:{answer['nc']}:{answer['cnonce']}:{answer['qop']}" if "qop" in answer else _NONCE
        right: bool = answer["response"] == _hash(kind, f"{secret}:{between}:{_hash(kind, uri)}")
        return right

    def _challenge(self) -> str:
        return digest() if self._scheme == "Digest" else f'Basic realm="{_REALM}"'


def digest(algorithm: str = "", qop: str = "auth") -> str:
    """A Digest challenge."""
    extra = (f", algorithm={algorithm}" if algorithm else "") + (f', qop="{qop}"' if qop else "")
    return f'Digest realm="{_REALM}", nonce="{_NONCE}"{extra}'


def _hash(kind: str, text: str) -> str:
    return hashlib.new(kind, text.encode(), usedforsecurity=False).hexdigest()
