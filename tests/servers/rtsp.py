"""An RTSP camera that can be controlled: H.264 in RTP, interleaved in the TCP connection (RFC 2326, 6184)."""

from __future__ import annotations

import base64
import re
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from tests.servers.controlled import ControlledServer

_CLOCK = 90_000
_LARGEST = 1400
_FRAGMENT = 28  # FU-A
_PARAMETERS = (7, 8)  # SPS, PPS
_SSRC = 0x5ECCA


class RtspServer(ControlledServer):
    """Encodes `pictures` (RGB, all of one size) one after the other, over and over, a key frame every `key_every` seconds.

    Its title is sent in Latin-1, as cameras do that were not made for UTF-8. `sprop`: its answer to DESCRIBE says what is
    otherwise known from a key frame on, so that a client may begin to decode before there is one.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        fps: int = 15,
        *,
        login: tuple[str, str] | None = None,
        title: str = "camera",
        key_every: int = 1,
        sprop: bool = False,
        port: int = 0,
    ) -> None:
        self._pictures, self._login, self._title, self._sprop = pictures, login, title, sprop
        self._parameters: list[bytes] = []
        height, width, _ = pictures[0].shape
        self._encoder = av.CodecContext.create("libx264", "w")
        self._encoder.width, self._encoder.height, self._encoder.pix_fmt = width, height, "yuv420p"
        self._encoder.framerate = Fraction(fps)
        self._encoder.gop_size = fps * key_every
        self._encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
        self._sequence = 0
        super().__init__(fps, port)

    @property
    def url(self) -> str:
        """Where it streams, without a login."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def _picture(self, number: int) -> bytes:
        """All RTP packets of one picture, each in its interleaved frame."""
        frame = av.VideoFrame.from_ndarray(self._pictures[number % len(self._pictures)], format="rgb24")
        frame.pts = number
        stream = b"".join(bytes(packet) for packet in self._encoder.encode(frame))
        units = list(_units(stream))
        self._parameters = self._parameters or [unit for unit in units if unit[0] & 0x1F in _PARAMETERS]
        payloads = [payload for unit in units for payload in _payloads(unit)]
        timestamp = round(number / self._fps * _CLOCK) & 0xFFFFFFFF
        sent = []
        for n, payload in enumerate(payloads):
            self._sequence = (self._sequence + 1) & 0xFFFF
            marker = 0x80 if n == len(payloads) - 1 else 0
            packet = struct.pack(">BBHII", 0x80, marker | 96, self._sequence, timestamp, _SSRC) + payload
            sent.append(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
        return b"".join(sent)

    def _serve(self, client: socket.socket) -> None:
        with client.makefile("rb") as requests:
            playing = False
            while not playing:
                request = _request(requests)
                self._await_orders()
                self.answers += 1
                playing = self._reply(client, request)
            # what else the client says (keep-alive, TEARDOWN) needs no answer
            threading.Thread(target=_swallow, args=(client,), daemon=True).start()
            seen = self.count
            while True:
                packets, seen = self._after(seen)
                client.sendall(packets)

    def _reply(self, client: socket.socket, request: str) -> bool:
        """Answer one request; True once it plays."""
        method = request.partition(" ")[0]
        number = re.search(r"^CSeq: *(\d+)", request, re.MULTILINE | re.IGNORECASE)
        head = f"CSeq: {number[1] if number else 0}\r\nSession: 1\r\n"
        if self._login and method != "OPTIONS" and not self._may(request):
            client.sendall(f'RTSP/1.0 401 Unauthorized\r\n{head}WWW-Authenticate: Basic realm="camera"\r\n\r\n'.encode())
            return False
        body = ""
        if method == "OPTIONS":
            head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = (
                f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns={self._title}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 {self._format()}\r\na=control:video\r\n"
            )
            head += f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        client.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode("latin-1"))
        return method == "PLAY"

    def _format(self) -> str:
        if not self._sprop:
            return "packetization-mode=1"
        self._after(0)  # the first picture is a key frame
        return "packetization-mode=1;sprop-parameter-sets=" + ",".join(base64.b64encode(p).decode() for p in self._parameters)

    def _may(self, request: str) -> bool:
        assert self._login is not None
        return base64.b64encode(":".join(self._login).encode()).decode() in request


def _request(requests: BinaryIO) -> str:
    lines: list[bytes] = []
    while (line := requests.readline()) != b"\r\n":
        if not line:
            raise OSError("the client has gone")
        lines.append(line)
    return b"".join(lines).decode()


def _swallow(client: socket.socket) -> None:
    try:
        while client.recv(65536):
            pass
    except OSError:
        return  # the connection is closed


def _units(stream: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B stream."""
    for unit in re.split(rb"\x00\x00\x00?\x01", stream):
        if unit:
            yield unit


def _payloads(unit: bytes) -> Iterator[bytes]:
    """RTP payloads of one NAL unit: itself, or fragments of it."""
    if len(unit) <= _LARGEST:
        yield unit
        return
    indicator, kind = unit[0] & 0xE0 | _FRAGMENT, unit[0] & 0x1F
    for at in range(1, len(unit), _LARGEST):
        part = unit[at : at + _LARGEST]
        first = 0x80 if at == 1 else 0
        last = 0x40 if at + _LARGEST >= len(unit) else 0
        yield bytes((indicator, first | last | kind)) + part
