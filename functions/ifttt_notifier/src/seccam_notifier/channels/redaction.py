"""Keeps secrets out of logs: some are part of a URL, which requests and urllib3 quote in their errors."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any
from urllib.parse import quote

#: Shorter parts of an address are words such as `api` or `hook`.
_SHORTEST = 6


def secrets_in(url: str) -> list[str]:
    """What may be secret in an address: the whole, what follows the host, and each part, as libraries log them by themselves."""
    rest = url.partition("://")[2]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    target = rest[len(authority) :]
    login, _, host = authority.rpartition("@")
    # in Apprise's addresses a token may stand where others have a host
    parts = [*re.split(r"[/?#&=:]+", target), *login.split(":"), *([] if "." in host else host.split(":"))]
    return [url, *(part for part in (target, *parts) if len(part) >= _SHORTEST)]


class Redactor:
    """Replaces secrets by `***`."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote(secret)) if form}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text

    def guard_logging(self) -> None:
        """From now on no record of the standard library's logging carries the secrets, from any library."""
        make = logging.getLogRecordFactory()

        def redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            if isinstance(record.msg, dict):  # structlog's: the values are rendered later
                record.msg = {key: self(value) if isinstance(value, str) else value for key, value in record.msg.items()}
            else:
                self._redact(record)
            return record

        if self._forms:
            logging.setLogRecordFactory(redacted)

    def _redact(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the caller's mistake, which logging itself reports
            return
        if record.exc_info and record.exc_info[0]:
            text = "\n".join((text, *traceback.format_exception(*record.exc_info)))
        if self(text) != text:
            record.msg, record.args, record.exc_info = self(text), (), None
