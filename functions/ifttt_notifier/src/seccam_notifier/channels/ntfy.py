"""ntfy: PUT to a topic, the picture as the body and the texts as parameters (docs.ntfy.sh/publish)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from seccam.schedule import Schedule
from seccam_notifier.channels.base import Answer, is_quiet
from seccam_notifier.channels.http import Caller, Response, classify, error_in
from seccam_notifier.notification import Notification
from seccam_notifier.settings import NtfySettings

#: ntfy's priorities: 4 pops up, 3 is its default, 2 makes no sound.
LOUD, SILENT = 4, 2
#: ntfy's codes for a picture that is too large or beyond the sender's quota, and for a server that takes none (server/errors.go).
_NO_PICTURE = (41301, 40014)


class NtfyChannel:
    """Writes to a topic."""

    name = "ntfy"
    is_read_by_people = True

    def __init__(self, settings: NtfySettings, timeout: float, quiet: Schedule | None = None) -> None:
        """`timeout`: seconds that the server may take to answer; `quiet`: when messages make no sound."""
        self._quiet = quiet
        topic, token = settings.topic.get_secret_value(), settings.token.get_secret_value()
        self._caller = Caller(timeout, topic, token)
        self._url = f"{settings.url}/{quote(topic, safe='')}"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        # a refused picture makes a second call
        self.seconds = 2 * self._caller.seconds

    def send(self, notification: Notification) -> Answer:
        """One message; where the server doesn't take its picture, once more without it."""
        response = self._put(notification, notification.picture)
        if isinstance(response, Response) and notification.picture and error_in(response.body).get("code") in _NO_PICTURE:
            response = self._put(notification, None)
        return response if isinstance(response, Answer) else self._answer(response)

    def _put(self, notification: Notification, picture: bytes | None) -> Response | Answer:
        # parameters instead of headers, which hold ASCII only
        parameters = {
            "title": notification.camera,
            "message": notification.text,
            "priority": str(SILENT if is_quiet(self._quiet) else LOUD),
            **({"click": notification.link} if notification.link else {}),
            **({"filename": "picture.jpg"} if picture else {}),
        }
        return self._caller.call("PUT", self._url, params=parameters, data=picture or b"", headers=self._headers, wants_error=True)

    def _answer(self, response: Response) -> Answer:
        answer = classify(response.status, response.retry_after)
        if answer.accepted:
            return answer
        remedy = "may SECCAM_NTFY_TOKEN write to this topic? Correct it" if response.status in (401, 403) else ""
        words = self._caller.redact(str(error_in(response.body).get("error", "")))[:200]
        return replace(answer, detail=f"{response.status} {words}".strip(), remedy=remedy)
