"""IFTTT's Webhooks service: POST /trigger/<event>/with/key/<key> with up to three texts (ifttt.com/maker_webhooks)."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from urllib.parse import quote

import requests

from seccam_notifier.channels.base import Answer, Result
from seccam_notifier.channels.redaction import Redactor
from seccam_notifier.notification import Notification
from seccam_notifier.retry import parse_retry_after
from seccam_notifier.settings import IftttSettings

#: Seconds to connect, and for the whole call beyond the timeouts: a slow name server must not hold an event for longer.
CONNECT_TIMEOUT, CALL_GRACE = 3.05, 5.0
#: Statuses with a result of their own.
_STATUSES: dict[int, Result] = {401: "401", 408: "timeout", 429: "429"}


def classify(status: int, retry_after: float | None = None) -> Answer:
    """An HTTP status as an answer. A redirection is refused: the key goes to no other address."""
    result = _STATUSES.get(status) or ("2xx" if 200 <= status < 300 else "5xx" if status >= 500 else "4xx")
    return Answer(result, retry_after, "" if result in ("2xx", "401", "429") else str(status))


class IftttChannel:
    """Calls IFTTT. Once it is created, no log record of this process contains the key."""

    name = "ifttt"

    def __init__(self, settings: IftttSettings, timeout: float) -> None:
        """`timeout`: seconds that IFTTT may take to answer."""
        key = settings.key.get_secret_value()
        self._redact, self._timeout = Redactor(key), timeout
        self._redact.guard_logging()
        self._url = f"{settings.url}/trigger/{quote(settings.event, safe='')}/with/key/{quote(key, safe='')}"

    def send(self, notification: Notification) -> Answer:
        """One call, over within the timeouts, whatever IFTTT or the name server does."""
        answers: deque[Answer] = deque()
        call = threading.Thread(target=lambda: answers.append(self._call(notification)), name="ifttt", daemon=True)
        call.start()
        call.join(CONNECT_TIMEOUT + self._timeout + CALL_GRACE)
        return answers[0] if answers else Answer("timeout", detail="no answer in time")

    def _call(self, notification: Notification) -> Answer:
        values = {"value1": notification.camera, "value2": notification.what, "value3": notification.when}
        timeouts = CONNECT_TIMEOUT, self._timeout
        try:
            # only the status is needed: the body is left unread, for it may never end
            response = requests.post(self._url, json=values, timeout=timeouts, allow_redirects=False, stream=True)
            response.close()
            retry_after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            return classify(response.status_code, retry_after)
        except Exception as e:  # noqa: BLE001  # an error that left this thread would end the process, and may hold the URL
            tls = isinstance(e, requests.exceptions.SSLError)
            result: Result = "timeout" if isinstance(e, requests.Timeout) else "tls" if tls else "network"
            return Answer(result, detail=self._redact(f"{type(e).__name__}: {e}")[:300])
