"""A receiver of webhooks that checks their signatures as Standard Webhooks says (standardwebhooks.com, version 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from tests.servers.stand_in import Answer, Exchange, Request, StandIn


def ok(exchange: Exchange) -> None:
    """Taken."""
    exchange.head(204, {})


def status(code: int, **headers: str) -> Answer:
    """This status; `Retry_After="30"` becomes a header."""
    return lambda exchange: exchange.json(code, {}, **headers)


class Receiver(StandIn[Request]):
    """The server; an address on it is what SECCAM_WEBHOOK_URL is set to."""

    def __init__(self, port: int = 0, *, default: Answer = ok, **options: Any) -> None:
        super().__init__(port, default=default, **options)

    def parsed(self, request: Request) -> Request | None:
        return request if request.method == "POST" else None


def is_signed(request: Request, secret: str) -> bool:
    """Whether the request carries the signature of this secret."""
    signed = b".".join((request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body))
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    given = request.headers["webhook-signature"].split(" ")
    return f"v1,{base64.b64encode(digest).decode()}" in given
