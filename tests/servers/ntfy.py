"""A stand-in for an ntfy server (docs.ntfy.sh/publish): PUT to a topic.

ntfy answers an error with JSON: `code`, `http`, `error`, `link`; the codes are those of its list of errors (server/errors.go).
"""

from __future__ import annotations

from typing import Any

from tests.servers.stand_in import Answer, Exchange, Request, StandIn


def ok(exchange: Exchange) -> None:
    """The message that was published."""
    exchange.json(200, {"id": "sPs71M8A2T", "time": 0, "event": "message", "topic": "t"})


def error(status: int, code: int, words: str, **headers: str) -> Answer:
    """An error as ntfy words it."""
    return lambda exchange: exchange.json(status, {"code": code, "http": status, "error": words}, **headers)


TOO_MANY = error(429, 42901, "limit reached: too many requests")
TOO_LARGE = error(413, 41301, "attachment too large, or bandwidth limit reached")
NO_PICTURES = error(400, 40014, "invalid request: attachments not allowed")
INTERNAL = error(500, 50001, "internal server error")
FORBIDDEN = error(403, 40301, "forbidden")
UNAUTHORIZED = error(401, 40101, "unauthorized")


class Ntfy(StandIn[Request]):
    """The server; its `url` is what SECCAM_NTFY_URL is set to."""

    def __init__(self, port: int = 0, *, default: Answer = ok, **options: Any) -> None:
        super().__init__(port, default=default, **options)

    def parsed(self, request: Request) -> Request | None:
        return request if request.method == "PUT" else None
