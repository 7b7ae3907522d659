"""A program of the user's: POST of the CloudEvent, signed as Standard Webhooks says (standardwebhooks.com, version 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import replace

from seccam_notifier.channels.base import Answer
from seccam_notifier.channels.http import Caller, classify
from seccam_notifier.channels.redaction import secrets_in
from seccam_notifier.notification import Notification
from seccam_notifier.settings import WebhookSettings, key_of


class WebhookChannel:
    """Posts each event by itself."""

    name = "webhook"
    is_read_by_people = False

    def __init__(self, settings: WebhookSettings, timeout: float) -> None:
        """`timeout`: seconds that the program may take to answer."""
        self._url = settings.url.get_secret_value()
        self._key = key_of(settings.secret)
        self._caller = Caller(timeout, *secrets_in(self._url), settings.secret.get_secret_value())
        self.seconds = self._caller.seconds

    def send(self, notification: Notification) -> Answer:
        """One post. Its id is the event's, so that the receiver can drop what comes twice."""
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": notification.event_id,
            "webhook-timestamp": (now := str(int(time.time()))),
            **({"webhook-signature": signature(self._key, notification.event_id, now, notification.event)} if self._key else {}),
        }
        response = self._caller.call("POST", self._url, data=notification.event, headers=headers)
        if isinstance(response, Answer):
            return response
        answer = classify(response.status, response.retry_after)
        if response.status == 410:
            return replace(answer, remedy="the receiver wants no more events: correct SECCAM_WEBHOOK_URL, or unset it")
        return (
            replace(answer, remedy="correct SECCAM_WEBHOOK_URL or SECCAM_WEBHOOK_SECRET")
            if answer.result in ("401", "4xx")
            else answer
        )


def signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """The header's value: HMAC-SHA256 of `id.timestamp.body`, in base64, after the version."""
    signed = hmac.digest(key, b".".join((event_id.encode(), timestamp.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"
