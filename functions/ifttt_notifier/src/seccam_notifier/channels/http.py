"""HTTP calls of the channels: without redirections, and without a secret in what is said about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from seccam_notifier.channels.base import Answer, Result
from seccam_notifier.channels.redaction import Redactor
from seccam_notifier.retry import parse_retry_after

#: Seconds to connect, and those of a call beyond its timeouts: a slow name server must not hold an event for longer.
CONNECT_TIMEOUT, GRACE = 3.05, 5.0
#: Bytes of an error's body that are read.
MOST_BODY = 4096
#: Statuses with a result of their own.
_STATUSES: dict[int, Result] = {401: "401", 408: "timeout", 429: "429"}


@dataclass(frozen=True)
class Response:
    """What a service has answered."""

    status: int
    #: Seconds that the header Retry-After asks for.
    retry_after: float | None = None
    #: The beginning of an error's body, if the caller wants it.
    body: bytes = b""


def classify(status: int, retry_after: float | None = None) -> Answer:
    """An HTTP status as an answer. A redirection is refused: a secret goes to no other address."""
    result = _STATUSES.get(status) or ("2xx" if 200 <= status < 300 else "5xx" if status >= 500 else "4xx")
    return Answer(result, retry_after, "" if result in ("2xx", "401", "429") else str(status))


def error_in(body: bytes) -> dict[str, Any]:
    """The JSON object in an error's body; empty if there is none."""
    try:
        error = json.loads(body)
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}


class Caller:
    """Makes calls. Once it is created, no log record of this process contains the secrets."""

    def __init__(self, timeout: float, *secrets: str) -> None:
        """`timeout`: seconds that the service may take to answer."""
        self._timeouts = CONNECT_TIMEOUT, timeout
        self.seconds = CONNECT_TIMEOUT + timeout + GRACE
        self.redact = Redactor(*secrets)
        self.redact.guard_logging()

    def call(self, method: str, url: str, *, wants_error: bool = False, **request: Any) -> Response | Answer:
        """The response; an Answer if there is none. `request` is what `requests.request` takes."""
        try:
            # the body of a success is left unread, for it may never end
            with requests.request(method, url, timeout=self._timeouts, allow_redirects=False, stream=True, **request) as response:
                retry_after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
                body = response.raw.read(MOST_BODY, decode_content=True) if wants_error and not response.ok else b""
                return Response(response.status_code, retry_after, body)
        except Exception as e:  # noqa: BLE001  # an error that left this thread would end the process, and may hold the URL
            tls = isinstance(e, requests.exceptions.SSLError)
            result: Result = "timeout" if isinstance(e, requests.Timeout) else "tls" if tls else "network"
            return Answer(result, detail=self.redact(f"{type(e).__name__}: {e}")[:300])
