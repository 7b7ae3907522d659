"""`seccam notify test`, as an operator runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.brokers import free_port
from tests.servers import telegram
from tests.servers.telegram import Telegram

TOKEN = "4711:c4nary-TOKEN"


@pytest.fixture
def bot_api() -> Iterator[Telegram]:
    with Telegram() as running:
        yield running


def notify_test(*channels: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seccam", "notify", "test", *channels]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def telegram_settings(bot_api: Telegram, chats: str = "42") -> dict[str, str]:
    return {"SECCAM_TELEGRAM_TOKEN": TOKEN, "SECCAM_TELEGRAM_CHATS": chats, "SECCAM_TELEGRAM_URL": bot_api.url}


def test_a_message_with_a_picture_goes_to_each_channel_and_what_came_back_is_said(bot_api: Telegram) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    done = notify_test(**telegram_settings(bot_api), SECCAM_NTFY_TOPIC="c4nary", SECCAM_NTFY_URL=nobody)

    (call,) = bot_api.calls
    assert (call.photo or b"").startswith(b"\xff\xd8\xff")
    assert call.text.startswith("Test message of seccam, ")
    taken, unreachable = done.stdout.splitlines()
    assert taken.startswith("telegram:42: taken (")
    assert unreachable.startswith("ntfy: can't be reached; an event would be tried again: ")
    assert done.returncode == 1
    assert "c4nary" not in done.stdout + done.stderr


def test_a_refusal_says_what_to_do(bot_api: Telegram) -> None:
    bot_api.default = telegram.BLOCKED

    done = notify_test("telegram", **telegram_settings(bot_api))

    said = "telegram:42: refused: 403 Forbidden: bot was blocked by the user. Let the person press Start in the bot's chat"
    assert done.stdout.startswith(said)
    assert done.returncode == 1


def test_only_the_channels_that_are_named_get_it(bot_api: Telegram) -> None:
    done = notify_test("telegram:7", "log", **telegram_settings(bot_api, "42,7"), SECCAM_NOTIFIER_CHANNELS="telegram,log")

    assert [call.fields["chat_id"] for call in bot_api.calls] == ["7"]
    assert done.returncode == 0


def test_a_channel_that_is_not_configured_is_a_wrong_setting(bot_api: Telegram) -> None:
    done = notify_test("ntfy", **telegram_settings(bot_api))

    assert done.returncode == 2
    assert done.stderr.strip() == "SECCAM_NOTIFIER_CHANNELS: has no ntfy; configured are telegram:42"
