"""The wire format for viewers: messages of `/ws` (see PROTOCOL.md) and parts of a multipart stream. Pure."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seccam.errors import SeccamError

SUBPROTOCOL = "seccam.v1"
VERSION = 1
#: Largest message from a browser, bytes.
MAX_INCOMING = 4096

#: A picture's flags.
ESTIMATED, UNTIMED = 1, 2
_PICTURE = struct.Struct("<BBHIdHH")
_KIND_PICTURE = 1

#: Between the parts of a multipart stream. It is sent right after each picture: browsers show a part when the next one begins.
BOUNDARY = "seccam-frame"
OPENING = f"--{BOUNDARY}\r\n".encode()

#: Close codes of `/ws`.
GOING_AWAY, NOT_UNDERSTOOD, LOGGED_OUT, TOO_SLOW, TOO_MANY = 1001, 4400, 4401, 4408, 4429


class NotUnderstood(SeccamError):  # noqa: N818  # as in seccam.errors
    """A message from a browser is not one that the protocol has."""


@dataclass(frozen=True)
class Ping:
    """Asks for the monitor's clock; carries the page's, which is sent back."""

    clock: float


@dataclass(frozen=True)
class Watch:
    """The cameras to send pictures of from now on."""

    cameras: frozenset[int]


@dataclass(frozen=True)
class Ack:
    """(camera, sequence) of pictures that the page is done with."""

    pictures: tuple[tuple[int, int], ...]


def picture(*, flags: int, camera: int, sequence: int, captured_ms: float, size: tuple[int, int], jpeg: bytes) -> bytes:
    """The binary message for one picture."""
    return _PICTURE.pack(_KIND_PICTURE, flags, camera, sequence & 0xFFFFFFFF, captured_ms, *size) + jpeg


def part(jpeg: bytes) -> bytes:
    """One picture of a multipart stream, to be sent after OPENING or another part."""
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return b"".join((head, jpeg, b"\r\n", OPENING))


def text(kind: str, **fields: Any) -> str:
    """A JSON message."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"))


def hello(
    version: str, now_ms: float, user: str | None, cams: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
) -> str:
    """The first message of a connection; `user` is the name of who has logged in."""
    return text("hello", v=VERSION, version=version, now=now_ms, user=user, cams=cams, events=events)


def pong(ping: Ping, now_ms: float) -> str:
    """The answer to a ping."""
    return text("pong", c=ping.clock, s=now_ms)


def understood(body: str) -> Ping | Watch | Ack:
    """Parse a message from a browser; raises NotUnderstood."""
    try:
        message = json.loads(body)
        match message:
            case {"type": "ping", "c": int() | float() as clock}:
                return Ping(clock)
            case {"type": "watch", "cams": list(cameras)}:
                return Watch(frozenset(_index(i) for i in cameras))
            case {"type": "ack", "f": list(pairs)}:
                return Ack(tuple((_index(i), _index(sequence)) for i, sequence in pairs))
    except (ValueError, TypeError, RecursionError) as e:
        raise NotUnderstood(f"{body[:80]!r}: {e}") from None
    raise NotUnderstood(f"{body[:80]!r}: not a ping, watch or ack")


def _index(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not an index")
    return value
