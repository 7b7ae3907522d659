"""Ways to reach a person, one module each."""

from __future__ import annotations

from seccam_notifier.channels.base import Answer, Channel, Result
from seccam_notifier.channels.ifttt import IftttChannel
from seccam_notifier.channels.log import LogChannel
from seccam_notifier.settings import IftttSettings

__all__ = ["Answer", "Channel", "Result", "chosen"]


def chosen(ifttt: IftttSettings, timeout: float) -> Channel:
    """The channel that the settings ask for."""
    return IftttChannel(ifttt, timeout) if ifttt.key.get_secret_value() else LogChannel()
