"""IFTTT's Webhooks service: POST /trigger/<event>/with/key/<key> with up to three texts (ifttt.com/maker_webhooks)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from seccam_notifier.channels.base import Answer
from seccam_notifier.channels.http import Caller, classify
from seccam_notifier.notification import Notification
from seccam_notifier.settings import IftttSettings


class IftttChannel:
    """Calls IFTTT."""

    name = "ifttt"
    is_read_by_people = True

    def __init__(self, settings: IftttSettings, timeout: float) -> None:
        """`timeout`: seconds that IFTTT may take to answer."""
        key = settings.key.get_secret_value()
        self._caller = Caller(timeout, key)
        self.seconds = self._caller.seconds
        self._url = f"{settings.url}/trigger/{quote(settings.event, safe='')}/with/key/{quote(key, safe='')}"

    def send(self, notification: Notification) -> Answer:
        """One call. The texts hold no picture, but a link to it if there is one."""
        when = f"{notification.when} {notification.link}" if notification.link else notification.when
        values = {"value1": notification.camera, "value2": notification.what, "value3": when}
        response = self._caller.call("POST", self._url, json=values)
        if isinstance(response, Answer):
            return response
        answer = classify(response.status, response.retry_after)
        return replace(answer, remedy="wrong IFTTT_KEY? Correct it") if answer.result == "401" else answer
