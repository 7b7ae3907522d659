"""A stand-in for Telegram's Bot API (core.telegram.org/bots/api): sendPhoto and sendMessage.

Telegram answers an error with its code as the HTTP status, and with JSON: `ok` false, `error_code`, `description`, and for some
`parameters` (Making requests; ResponseParameters). The descriptions are those that the API gives in practice.

`python -m tests.servers.telegram --port 8082` runs it by hand: it prints each call as a line of JSON.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.servers import stand_in
from tests.servers.stand_in import Answer, Exchange, Request, StandIn

_PATH = re.compile(r"/bot([^/]+)/(\w+)")


@dataclass(frozen=True)
class Call:
    """A call of a method."""

    token: str
    method: str
    fields: Mapping[str, str]
    #: The photo, JPEG.
    photo: bytes | None = None

    @property
    def text(self) -> str:
        """What the person reads."""
        return self.fields.get("caption") or self.fields.get("text") or ""


def ok(exchange: Exchange) -> None:
    """The message that was sent."""
    exchange.json(200, {"ok": True, "result": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}})


def error(code: int, description: str, **parameters: int) -> Answer:
    """An error as Telegram words it."""
    extra = {"parameters": parameters} if parameters else {}
    return lambda exchange: exchange.json(code, {"ok": False, "error_code": code, "description": description, **extra})


UNAUTHORIZED = error(401, "Unauthorized")
NO_SUCH_BOT = error(404, "Not Found")
BLOCKED = error(403, "Forbidden: bot was blocked by the user")
NO_CHAT = error(400, "Bad Request: chat not found")
BAD_PICTURE = error(400, "Bad Request: IMAGE_PROCESS_FAILED")
TOO_LARGE = error(413, "Request Entity Too Large")
BROKEN = error(502, "Bad Gateway")


def too_many(seconds: int) -> Answer:
    """A flood is over in so many seconds."""
    return error(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


class Telegram(StandIn[Call]):
    """The server; its `url` is what SECCAM_TELEGRAM_URL is set to."""

    def __init__(self, port: int = 0, *, default: Answer = ok, **options: Any) -> None:
        super().__init__(port, default=default, **options)

    def parsed(self, request: Request) -> Call | None:
        match = _PATH.fullmatch(request.path)
        if not match:
            return None
        if request.headers.get("content-type", "").startswith("multipart/"):
            form = request.form()
            photo = form.pop("photo", None)
            return Call(match[1], match[2], {name: value.decode() for name, value in form.items()}, photo)
        return Call(match[1], match[2], dict(parse_qsl(request.body.decode())))


if __name__ == "__main__":
    sys.exit(
        stand_in.run(
            "A stand-in for Telegram's Bot API.",
            "SECCAM_TELEGRAM_URL",
            Telegram,
            lambda call: {"method": call.method, **call.fields, "photo": len(call.photo or b"")},
        )
    )
