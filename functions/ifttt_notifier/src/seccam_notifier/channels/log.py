"""The channel of a notifier without any other: the log."""

from __future__ import annotations

from seccam import logs
from seccam_notifier.channels.base import Answer
from seccam_notifier.notification import Notification

log = logs.get(__name__)


class LogChannel:
    """Logs what it would send."""

    name = "log"
    is_read_by_people = True
    seconds = 5.0

    def send(self, notification: Notification) -> Answer:
        """Log it."""
        log.info("notification", camera=notification.camera, what=notification.what, when=notification.when, text=notification.text)
        return Answer("2xx")
