"""Apprise: more than a hundred other services, by their addresses (github.com/caronc/apprise). An optional extra of the package."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections import Counter
from collections.abc import Iterator

from seccam_notifier.channels.base import Answer
from seccam_notifier.channels.http import GRACE
from seccam_notifier.channels.redaction import Redactor, secrets_in
from seccam_notifier.notification import Notification

#: Seconds that Apprise may take with one service: 4 s each to connect and to read, and it may upload a picture first.
SECONDS = 20.0


def is_installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("apprise") is not None


def urls(text: str) -> list[str]:
    """The addresses in a setting, which are separated by spaces, or by commas in front of the next address."""
    return [url for url in re.split(r"[\s,]+(?=[a-zA-Z0-9]+://)", text.strip()) if url]


class AppriseChannel:
    """One service. Apprise says whether a message was taken, but not why if it wasn't: so it is always tried again."""

    is_read_by_people = True
    seconds = SECONDS + GRACE

    def __init__(self, name: str, url: str) -> None:
        """Raises ValueError if Apprise doesn't know such an address."""
        import apprise  # noqa: PLC0415  # an optional extra

        self.name, self._apprise = name, apprise.Apprise()
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses, and parts of answers
        self._redact = Redactor(*secrets_in(url))
        self._redact.guard_logging()
        if not self._apprise.add(url):
            raise ValueError

    def send(self, notification: Notification) -> Answer:
        """One message, with the picture where the service takes one."""
        from apprise import AppriseAttachment  # noqa: PLC0415
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

        attached = None
        if notification.picture:
            attached = AppriseAttachment()
            picture = AttachMemory(notification.picture, name="picture.jpg", mimetype="image/jpeg")  # type: ignore[no-untyped-call]
            attached.add(picture)
        body = "\n".join(filter(None, (notification.text, notification.link)))
        taken = self._apprise.notify(body=body, title=notification.camera, attach=attached)
        return Answer("2xx") if taken else Answer("5xx", detail="Apprise doesn't say why")


def named(text: str) -> Iterator[tuple[str, str]]:
    """Name and address of each service in a setting; services of one kind are numbered."""
    counts: Counter[str] = Counter()
    for url in urls(text):
        kind = url.partition("://")[0].lower()
        counts[kind] += 1
        yield f"apprise:{kind}" + (f"-{counts[kind]}" if counts[kind] > 1 else ""), url
