"""A stand-in for IFTTT's Webhooks service.

`python -m tests.servers.ifttt --port 8081` runs it by hand: it prints each call as a line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers import stand_in
from tests.servers.stand_in import Answer, Exchange, Request, StandIn, half, hang, reset, slow_body, slow_head

__all__ = ["Answer", "Call", "Exchange", "Hold", "Ifttt", "half", "hang", "ok", "reset", "slow_body", "slow_head", "status"]

_PATH = re.compile(r"/trigger/([^/]+)/with/key/([^/]+)")


@dataclass(frozen=True)
class Call:
    """One POST as it came, recorded before it is answered."""

    event: str
    key: str
    values: Mapping[str, Any]
    #: The request's headers, names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(exchange: Exchange) -> None:
    """As IFTTT does."""
    event = exchange.call.event if exchange.call else ""
    body = f"Congratulations! You've fired the {event} event".encode()
    exchange.head(200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))})
    exchange.write(body)


def status(code: int, **headers: str) -> Answer:
    """This status; `Retry_After="30"` becomes a header."""
    return lambda exchange: exchange.json(
        code, {"errors": [{"message": f"You sent something that is answered {code}."}]}, **headers
    )


class Hold(stand_in.Hold):
    """Answers when let go."""

    def __init__(self, then: Answer = ok) -> None:
        super().__init__(then)


class Ifttt(StandIn[Call]):
    """The server; its `url` is what IFTTT_URL is set to."""

    def __init__(self, port: int = 0, *, default: Answer = ok, **options: Any) -> None:
        super().__init__(port, default=default, **options)

    def parsed(self, request: Request) -> Call | None:
        match = _PATH.fullmatch(request.path)
        return Call(match[1], match[2], json.loads(request.body or b"{}"), request.headers) if match else None

    def values(self) -> list[tuple[str, str]]:
        """(camera, faces) of each call."""
        return [(call.values["value1"], call.values["value2"]) for call in self.calls]


if __name__ == "__main__":
    sys.exit(
        stand_in.run(
            "A stand-in for IFTTT's Webhooks service.", "IFTTT_URL", Ifttt, lambda call: {"event": call.event, **call.values}
        )
    )
