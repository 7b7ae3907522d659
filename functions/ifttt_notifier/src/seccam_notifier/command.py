"""`seccam notify test`: sends a message on each channel, and says in words what came back."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files

from seccam import settings
from seccam.command.options import Commands
from seccam.errors import SettingFault, SettingsError
from seccam_notifier import channels
from seccam_notifier.channels import Answer, Channel
from seccam_notifier.notification import Notification
from seccam_notifier.settings import GROUPS, Settings

#: What is said of each result.
_WORDS = {
    "2xx": "taken",
    "401": "refused",
    "4xx": "refused",
    "429": "too many messages; an event would be tried again",
    "5xx": "the service fails; an event would be tried again",
    "timeout": "no answer in time; an event would be tried again",
    "network": "can't be reached; an event would be tried again",
    "tls": "no trustworthy connection; an event would be tried again",
}


def add_to(commands: Commands) -> None:
    """Add `notify test`."""
    actions = commands.add_parser("notify", help="the channels that events are told on").add_subparsers(
        required=True, metavar="action"
    )
    test = actions.add_parser("test", help="send a test message on each channel, with the settings of this environment")
    test.add_argument("channels", nargs="*", metavar="channel", help="only on these, such as telegram or telegram:42")
    test.set_defaults(alone=_test)


def _test(options: argparse.Namespace) -> int:
    """Exit status 1: some channel didn't take the message."""
    loaded = Settings._make(settings.load(*GROUPS, ignore_unknown=True))
    chosen = _named(channels.chosen(loaded), options.channels)
    failed = False
    for channel in chosen:
        began = time.monotonic()
        answer = channel.send(_message(loaded.public.url))
        print(f"{channel.name}: {said(answer)} ({time.monotonic() - began:.1f} s)", flush=True)
        failed |= not answer.accepted
    return int(failed)


def said(answer: Answer) -> str:
    """An answer in words."""
    words = ": ".join(filter(None, (_WORDS[answer.result], answer.detail)))
    return f"{words}. {answer.remedy[0].upper()}{answer.remedy[1:]}" if answer.remedy else words


def _named(chosen: Sequence[Channel], wanted: Sequence[str]) -> list[Channel]:
    """Those of the channels that are wanted, by name or by kind; all if none is. Raises SettingsError."""
    names = [channel.name for channel in chosen]
    for name in wanted:
        if name not in names and name not in {one.partition(":")[0] for one in names}:
            raise SettingsError(SettingFault("SECCAM_NOTIFIER_CHANNELS", f"has no {name}; configured are {', '.join(names)}"))
    return [one for one in chosen if not wanted or {one.name, one.name.partition(":")[0]} & set(wanted)]


def _message(page: str) -> Notification:
    now = datetime.now(UTC).astimezone()
    text = f"Test message of seccam, {now:%H:%M:%S}"
    event = {
        "specversion": "1.0",
        "id": f"test-{now.timestamp():.0f}",
        "source": "/seccam",
        "type": "seccam.test",
        "time": now.isoformat(),
    }
    return Notification(
        camera="seccam",
        what="test",
        when=f"{now:%Y-%m-%d %H:%M:%S %Z}",
        text=text,
        event_id=event["id"],
        event=json.dumps(event).encode(),
        picture=files("seccam_notifier").joinpath("test_picture.jpg").read_bytes(),
        link=page,
    )
