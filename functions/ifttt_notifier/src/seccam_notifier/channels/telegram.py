"""Telegram's Bot API: sendPhoto, or sendMessage where there is no picture (core.telegram.org/bots/api)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seccam.schedule import Schedule
from seccam_notifier.channels.base import Answer, is_quiet
from seccam_notifier.channels.http import Caller, Response, classify, error_in
from seccam_notifier.notification import Notification
from seccam_notifier.settings import TelegramSettings

#: Characters that Telegram takes as a caption, and as a message.
CAPTION, MESSAGE = 1024, 4096
#: The page asks for a login, so there is nothing to preview.
_NO_PREVIEW = '{"is_disabled": true}'


class TelegramChannel:
    """Writes to one chat."""

    is_read_by_people = True

    def __init__(self, settings: TelegramSettings, chat: str, timeout: float, quiet: Schedule | None = None) -> None:
        """`chat`: its number, or @name; `timeout`: seconds that Telegram may take to answer; `quiet`: when it makes no sound."""
        self.name = f"telegram:{chat}"
        token = settings.token.get_secret_value()
        self._chat, self._quiet, self._caller = chat, quiet, Caller(timeout, token)
        self._url = f"{settings.url}/bot{token}"
        # a refused picture makes a second call
        self.seconds = 2 * self._caller.seconds

    def send(self, notification: Notification) -> Answer:
        """One message; where Telegram refuses its picture, once more without it."""
        text = "\n".join(filter(None, (notification.text, notification.link)))
        common = {"chat_id": self._chat, **({"disable_notification": "true"} if is_quiet(self._quiet) else {})}
        if notification.picture:
            photo = {"photo": ("picture.jpg", notification.picture, "image/jpeg")}
            answer = self._call("sendPhoto", data={**common, "caption": text[:CAPTION]}, files=photo)
            if not _is_about_the_picture(answer):
                return answer
        return self._call("sendMessage", data={**common, "text": text[:MESSAGE], "link_preview_options": _NO_PREVIEW})

    def _call(self, method: str, **request: Any) -> Answer:
        response = self._caller.call("POST", f"{self._url}/{method}", wants_error=True, **request)
        return response if isinstance(response, Answer) else self._answer(response)

    def _answer(self, response: Response) -> Answer:
        error = error_in(response.body)
        parameters = error.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        retry_after = float(wait) if isinstance(wait, int) and 0 <= wait < 10**9 else response.retry_after
        answer = classify(response.status, retry_after)
        if answer.accepted:
            return answer
        description = self._caller.redact(str(error.get("description", "")))[:200]
        detail = " ".join(filter(None, (str(response.status), description)))
        return replace(answer, detail=detail, remedy=_remedy(response.status, description))


def _is_about_the_picture(answer: Answer) -> bool:
    """Whether the message may be taken without its picture: 400, but not of the chat; or too large."""
    return answer.detail.startswith(("400", "413")) and "chat" not in answer.detail.lower()


def _remedy(status: int, description: str) -> str:
    if status in (401, 404):
        return "wrong SECCAM_TELEGRAM_TOKEN? Correct it"
    if status == 403:
        return "let the person press Start in the bot's chat, or add the bot to the group"
    if "chat" in description.lower():
        return "wrong chat in SECCAM_TELEGRAM_CHATS? Correct it, and press Start in the bot's chat"
    return ""
