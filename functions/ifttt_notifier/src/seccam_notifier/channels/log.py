"""The channel of a notifier without an IFTTT key: the log."""

from __future__ import annotations

from dataclasses import asdict

from seccam import logs
from seccam_notifier.channels.base import Answer
from seccam_notifier.notification import Notification

log = logs.get(__name__)


class LogChannel:
    """Logs what it would send."""

    name = "log"

    def __init__(self) -> None:
        log.warning("no_ifttt_key", meaning="notifications are logged and sent nowhere", remedy="set IFTTT_KEY")

    def send(self, notification: Notification) -> Answer:
        """Log it."""
        log.info("notification", **asdict(notification))
        return Answer("2xx")
