"""Makes the channels that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seccam import logs
from seccam.errors import SettingFault, SettingsError
from seccam.schedule import Schedule
from seccam_notifier.channels import apprise
from seccam_notifier.channels.base import Channel
from seccam_notifier.channels.ifttt import IftttChannel
from seccam_notifier.channels.log import LogChannel
from seccam_notifier.channels.ntfy import NtfyChannel
from seccam_notifier.channels.telegram import TelegramChannel
from seccam_notifier.channels.webhook import WebhookChannel
from seccam_notifier.settings import Settings

log = logs.get(__name__)

#: Channel -> the setting without which it isn't configured.
_NEEDS = {
    "telegram": "SECCAM_TELEGRAM_TOKEN",
    "ntfy": "SECCAM_NTFY_TOPIC",
    "webhook": "SECCAM_WEBHOOK_URL",
    "apprise": "SECCAM_APPRISE_URLS",
    "ifttt": "IFTTT_KEY",
}


def chosen(settings: Settings) -> list[Channel]:
    """The channels that the settings name, else all that are configured, else the log. Raises SettingsError."""
    configured: Mapping[str, list[Channel]] = {name: [*_made(name, settings)] for name in _NEEDS}
    wanted = settings.own.channel_names or [name for name, channels in configured.items() if channels]
    faults = [
        SettingFault("SECCAM_NOTIFIER_CHANNELS", _fault(name)) for name in wanted if name != "log" and not configured.get(name)
    ]
    if faults:
        raise SettingsError(*faults)
    if wanted in ([], ["log"]):
        meaning = "notifications are logged and sent nowhere"
        log.warning("no_channel", meaning=meaning, remedy=f"set one of {', '.join(_NEEDS.values())}")
    return [channel for name in wanted or ["log"] for channel in ([LogChannel()] if name == "log" else configured[name])]


def _fault(name: str) -> str:
    if name in _NEEDS:
        return f"names {name}, which needs {_NEEDS[name]}"
    return f"{name!r} is no channel; known are {', '.join(_NEEDS)} and log"


def _made(name: str, settings: Settings) -> Iterator[Channel]:
    timeout = settings.own.timeout_seconds
    if name == "telegram":
        quiet = _quiet(settings, "SECCAM_TELEGRAM_QUIET_HOURS", settings.telegram.quiet_hours)
        yield from (TelegramChannel(settings.telegram, chat, timeout, quiet) for chat in settings.telegram.chat_ids)
    elif name == "ntfy" and settings.ntfy.topic.get_secret_value():
        yield NtfyChannel(settings.ntfy, timeout, _quiet(settings, "SECCAM_NTFY_QUIET_HOURS", settings.ntfy.quiet_hours))
    elif name == "webhook" and settings.webhook.url.get_secret_value():
        yield WebhookChannel(settings.webhook, timeout)
    elif name == "apprise":
        yield from _by_apprise(settings.apprise.urls.get_secret_value())
    elif name == "ifttt" and settings.ifttt.key.get_secret_value():
        yield IftttChannel(settings.ifttt, timeout)


def _quiet(settings: Settings, name: str, hours: str) -> Schedule | None:
    """The quiet hours of a channel. Raises SettingsError: only here the country of their holidays is known."""
    try:
        return settings.own.schedule_of(hours)
    except ValueError as e:
        raise SettingsError(SettingFault(name, str(e))) from None


def _by_apprise(text: str) -> Iterator[Channel]:
    named = [*apprise.named(text)]
    if named and not apprise.is_installed():
        why = "needs the Python package apprise: install seccam-notifier[apprise], or the image built with EXTRAS=apprise"
        raise SettingsError(SettingFault("SECCAM_APPRISE_URLS", why))
    for name, url in named:
        try:
            yield apprise.AppriseChannel(name, url)
        except ValueError:
            raise SettingsError(SettingFault("SECCAM_APPRISE_URLS", f"{name}: no address that Apprise knows")) from None
