"""Calls of Telegram, ntfy, webhooks and Apprise, against real servers that answer as these do; and that secrets stay secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from seccam import settings as seccam_settings
from seccam.errors import SettingsError
from seccam_notifier import channels
from seccam_notifier.channels import Answer
from seccam_notifier.channels.apprise import AppriseChannel
from seccam_notifier.channels.ntfy import NtfyChannel
from seccam_notifier.channels.redaction import secrets_in
from seccam_notifier.channels.telegram import TelegramChannel
from seccam_notifier.channels.webhook import WebhookChannel
from seccam_notifier.notification import Notification
from seccam_notifier.settings import GROUPS, NtfySettings, Settings, TelegramSettings, WebhookSettings
from tests.brokers import free_port
from tests.servers import ntfy, stand_in, telegram, webhook
from tests.servers.ntfy import Ntfy
from tests.servers.telegram import Telegram
from tests.servers.webhook import Receiver

TOKEN = "4711:c4nary-TOKEN"
SECRET = "whsec_" + "YzRuYXJ5" * 4
PICTURE = b"\xff\xd8\xff picture"
TEXT = "2 faces at Türe, 14:03:12"
SENT = Notification("Türe", "2", "noon", TEXT, "ture-b-1", b'{"id": "ture-b-1"}', PICTURE, "https://cam.example/#event/ture-b-1")
WITHOUT_PICTURE = Notification("front", "offline", "noon", "front is offline", "front-offline-1", b"{}")


@pytest.fixture(autouse=True)
def _whole_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a library logs, at debug level, is without the secrets."""
    before = logging.getLogRecordFactory()
    caplog.set_level(logging.DEBUG)
    yield
    logging.setLogRecordFactory(before)
    assert "c4nary" not in caplog.text
    assert "YzRuYXJ5" not in caplog.text


@pytest.fixture
def bot_api() -> Iterator[Telegram]:
    with Telegram() as running:
        yield running


@pytest.fixture
def ntfy_server() -> Iterator[Ntfy]:
    with Ntfy() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def to_telegram(url: str, timeout: float = 10.0) -> TelegramChannel:
    return TelegramChannel(TelegramSettings(token=SecretStr(TOKEN), chats="42", url=url), "42", timeout)


def to_ntfy(url: str, token: str = "") -> NtfyChannel:
    return NtfyChannel(NtfySettings(topic=SecretStr("c4nary-topic"), token=SecretStr(token), url=url), 10.0)


def to_receiver(url: str) -> WebhookChannel:
    return WebhookChannel(WebhookSettings(url=SecretStr(url), secret=SecretStr(SECRET)), 10.0)


def test_telegram_gets_the_picture_with_its_text_and_link(bot_api: Telegram) -> None:
    assert to_telegram(bot_api.url).send(SENT) == Answer("2xx")

    (call,) = bot_api.calls
    assert (call.token, call.method, call.fields["chat_id"], call.photo) == (TOKEN, "sendPhoto", "42", PICTURE)
    assert call.text == f"{TEXT}\n{SENT.link}"


def test_telegram_gets_a_message_where_there_is_no_picture(bot_api: Telegram) -> None:
    assert to_telegram(bot_api.url).send(WITHOUT_PICTURE).accepted

    (call,) = bot_api.calls
    assert (call.method, call.text, "disable_notification" in call.fields) == ("sendMessage", "front is offline", False)


@pytest.mark.parametrize("refusal", [telegram.BAD_PICTURE, telegram.TOO_LARGE])
def test_where_telegram_refuses_the_picture_the_message_comes_without_it(bot_api: Telegram, refusal: stand_in.Answer) -> None:
    bot_api.script.append(refusal)

    assert to_telegram(bot_api.url).send(SENT) == Answer("2xx")

    assert [call.method for call in bot_api.calls] == ["sendPhoto", "sendMessage"]
    assert bot_api.calls[1].text == f"{TEXT}\n{SENT.link}"


@pytest.mark.parametrize(
    ("behaviour", "result", "detail"),
    [
        (telegram.UNAUTHORIZED, "401", "401 Unauthorized"),
        (telegram.NO_SUCH_BOT, "4xx", "404 Not Found"),
        (telegram.BLOCKED, "4xx", "403 Forbidden: bot was blocked by the user"),
        (telegram.NO_CHAT, "4xx", "400 Bad Request: chat not found"),
        (telegram.BROKEN, "5xx", "502 Bad Gateway"),
        (telegram.too_many(7), "429", "429 Too Many Requests: retry after 7"),
        (stand_in.reset, "network", None),
        (stand_in.half, "network", None),
        (stand_in.hang, "timeout", None),
        (stand_in.slow_body, "2xx", ""),
    ],
)
def test_every_answer_of_telegram_has_its_meaning(
    bot_api: Telegram, behaviour: stand_in.Answer, result: str, detail: str | None
) -> None:
    bot_api.script.append(behaviour)

    answer = to_telegram(bot_api.url, 0.4 if behaviour is stand_in.hang else 10.0).send(SENT)

    assert answer.result == result
    assert len(bot_api.calls) == 1
    assert detail is None or answer.detail == detail
    assert "c4nary" not in answer.detail


def test_telegram_is_given_the_time_that_it_asks_for(bot_api: Telegram) -> None:
    bot_api.script.append(telegram.too_many(37))

    assert to_telegram(bot_api.url).send(SENT).retry_after == 37


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"description": 7, "parameters": []}', b"\xff" * 5000])
def test_an_error_of_telegram_that_says_nothing_is_judged_by_its_status(bot_api: Telegram, body: bytes) -> None:
    def answer(exchange: stand_in.Exchange) -> None:
        exchange.head(403, {"Content-Length": str(len(body))})
        exchange.write(body)

    bot_api.script.append(answer)

    assert to_telegram(bot_api.url).send(SENT).result == "4xx"


def test_a_long_text_is_cut_to_what_telegram_takes(bot_api: Telegram) -> None:
    long = Notification("front", "1", "noon", "x" * 5000, picture=PICTURE)

    to_telegram(bot_api.url).send(long)

    assert len(bot_api.calls[0].text) == 1024


@pytest.mark.parametrize(("hours", "is_quiet"), [("24/7", True), ("24/7 off", False)])
def test_in_its_quiet_hours_a_channel_makes_no_sound(bot_api: Telegram, ntfy_server: Ntfy, hours: str, is_quiet: bool) -> None:
    environ = {
        "SECCAM_TELEGRAM_TOKEN": TOKEN,
        "SECCAM_TELEGRAM_CHATS": "42",
        "SECCAM_TELEGRAM_URL": bot_api.url,
        "SECCAM_TELEGRAM_QUIET_HOURS": hours,
        "SECCAM_NTFY_TOPIC": "c4nary-topic",
        "SECCAM_NTFY_URL": ntfy_server.url,
        "SECCAM_NTFY_QUIET_HOURS": hours,
    }

    for channel in channels.chosen(Settings._make(seccam_settings.load(*GROUPS, environ=environ))):
        channel.send(SENT)

    assert ("disable_notification" in bot_api.calls[0].fields) == is_quiet
    assert ntfy_server.calls[0].query["priority"] == ("2" if is_quiet else "4")


def test_nobody_who_listens_at_telegrams_address_is_told_without_the_token() -> None:
    answer = to_telegram(f"http://127.0.0.1:{free_port()}").send(SENT)

    assert answer.result == "network"
    assert "c4nary" not in answer.detail


def test_ntfy_gets_the_picture_as_the_body_and_the_texts_as_parameters(ntfy_server: Ntfy) -> None:
    assert to_ntfy(ntfy_server.url, "tk_c4nary").send(SENT) == Answer("2xx")

    (call,) = ntfy_server.calls
    assert (call.path, call.body, call.headers["authorization"]) == ("/c4nary-topic", PICTURE, "Bearer tk_c4nary")
    assert call.query == {
        "title": "Türe",
        "message": TEXT,
        "priority": "4",
        "click": SENT.link,
        "filename": "picture.jpg",
    }


@pytest.mark.parametrize("refusal", [ntfy.TOO_LARGE, ntfy.NO_PICTURES])
def test_where_ntfy_refuses_the_picture_the_message_comes_without_it(ntfy_server: Ntfy, refusal: stand_in.Answer) -> None:
    ntfy_server.script.append(refusal)

    assert to_ntfy(ntfy_server.url).send(SENT) == Answer("2xx")

    assert [call.body for call in ntfy_server.calls] == [PICTURE, b""]
    assert ntfy_server.calls[1].query["message"] == TEXT


@pytest.mark.parametrize(
    ("behaviour", "result", "detail"),
    [
        (ntfy.TOO_MANY, "429", "429 limit reached: too many requests"),
        (ntfy.UNAUTHORIZED, "401", "401 unauthorized"),
        (ntfy.FORBIDDEN, "4xx", "403 forbidden"),
        (ntfy.INTERNAL, "5xx", "500 internal server error"),
        (stand_in.reset, "network", None),
    ],
)
def test_every_answer_of_ntfy_has_its_meaning(
    ntfy_server: Ntfy, behaviour: stand_in.Answer, result: str, detail: str | None
) -> None:
    ntfy_server.script.append(behaviour)

    answer = to_ntfy(ntfy_server.url).send(SENT)

    assert answer.result == result
    assert detail is None or answer.detail == detail
    assert "c4nary" not in answer.detail


def test_a_webhook_gets_the_whole_event_signed(receiver: Receiver) -> None:
    assert to_receiver(f"{receiver.url}/hook?key=c4nary").send(SENT).accepted

    (call,) = receiver.calls
    assert (call.path, call.query, call.body) == ("/hook", {"key": "c4nary"}, SENT.event)
    assert (call.headers["webhook-id"], call.headers["content-type"]) == ("ture-b-1", "application/cloudevents+json")
    assert webhook.is_signed(call, SECRET)
    assert not webhook.is_signed(call, "whsec_" + "b3RoZXI=" * 4)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/c4nary-path", "http://u:c4nary-pw@127.0.0.1:{}/?k=c4nary-key"])
def test_no_part_of_a_webhooks_address_is_told_where_nobody_listens(url: str) -> None:
    answer = to_receiver(url.format(free_port())).send(SENT)

    assert answer.result == "network"
    assert "c4nary" not in answer.detail


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://home.example/api", set()),
        ("https://home.example/hook/s3cr3t-1?key=s3cr3t-2", {"/hook/s3cr3t-1?key=s3cr3t-2", "s3cr3t-1", "s3cr3t-2"}),
        ("mailtos://someone:s3cr3t-1@mail.example?to=me", {"someone", "s3cr3t-1", "?to=me"}),
        ("tgram://4711s3cr3t/42", {"4711s3cr3t"}),
    ],
)
def test_the_secrets_in_an_address_are_its_login_and_what_follows_the_host(url: str, secrets: set[str]) -> None:
    assert set(secrets_in(url)) == secrets | {url}


def test_a_webhook_without_a_secret_is_not_signed(receiver: Receiver) -> None:
    WebhookChannel(WebhookSettings(url=SecretStr(receiver.url)), 10.0).send(SENT)

    assert "webhook-signature" not in receiver.calls[0].headers


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (webhook.status(410), "4xx"),
        (webhook.status(401), "401"),
        (webhook.status(429, Retry_After="9"), "429"),
        (webhook.status(503), "5xx"),
        (webhook.status(302, Location="http://127.0.0.1:1/steal"), "4xx"),
        (stand_in.reset, "network"),
    ],
)
def test_every_answer_of_a_webhook_has_its_meaning(receiver: Receiver, behaviour: stand_in.Answer, result: str) -> None:
    receiver.script.append(behaviour)

    answer = to_receiver(receiver.url).send(SENT)

    assert (answer.result, answer.retry_after) == (result, 9.0 if result == "429" else None)
    assert bool(answer.remedy) == (result in ("4xx", "401"))


def test_apprise_takes_the_message_to_a_service_with_its_picture(receiver: Receiver) -> None:
    channel = AppriseChannel("apprise:json", f"json://127.0.0.1:{receiver.port}/c4nary")

    assert channel.send(SENT) == Answer("2xx")

    content = json.loads(receiver.calls[0].body)
    assert (content["title"], content["message"]) == ("Türe", f"{TEXT}\n{SENT.link}")
    assert [one["filename"] for one in content["attachments"]] == ["picture.jpg"]


def test_what_apprise_does_not_get_rid_of_is_worth_another_try(receiver: Receiver) -> None:
    receiver.script.append(webhook.status(500))

    answer = AppriseChannel("apprise:json", f"json://127.0.0.1:{receiver.port}/c4nary").send(SENT)

    assert (answer.result, answer.retry_cause) == ("5xx", "server")


def chosen(**environ: str) -> list[str]:
    loaded = seccam_settings.load(*GROUPS, environ=environ)
    return [channel.name for channel in channels.chosen(Settings._make(loaded))]


ALL = {
    "SECCAM_TELEGRAM_TOKEN": TOKEN,
    "SECCAM_TELEGRAM_CHATS": "42, -1001, @door",
    "SECCAM_NTFY_TOPIC": "c4nary-topic",
    "SECCAM_WEBHOOK_URL": "http://127.0.0.1:1/c4nary",
    "SECCAM_APPRISE_URLS": "json://127.0.0.1/c4nary, json://127.0.0.1/c4nary2 xml://127.0.0.1/c4nary",
    "IFTTT_KEY": "c4nary",
}
TELEGRAM = ["telegram:42", "telegram:-1001", "telegram:@door"]


def test_unless_channels_are_named_all_that_are_configured_are_chosen() -> None:
    assert chosen() == ["log"]
    apprise = ["apprise:json", "apprise:json-2", "apprise:xml"]
    assert chosen(**ALL) == [*TELEGRAM, "ntfy", "webhook", *apprise, "ifttt"]


def test_the_channels_that_are_named_are_chosen() -> None:
    assert chosen(**ALL, SECCAM_NOTIFIER_CHANNELS="log, telegram") == ["log", *TELEGRAM]


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        (
            {"SECCAM_NOTIFIER_CHANNELS": "ntfy"},
            "SECCAM_NOTIFIER_CHANNELS: names ntfy, which needs SECCAM_NTFY_TOPIC",
        ),
        (
            {"SECCAM_NOTIFIER_CHANNELS": "sms"},
            "SECCAM_NOTIFIER_CHANNELS: 'sms' is no channel; known are telegram, ntfy, webhook, apprise, ifttt and log",
        ),
        (
            {"SECCAM_TELEGRAM_TOKEN": TOKEN},
            "SECCAM_TELEGRAM: SECCAM_TELEGRAM_TOKEN and SECCAM_TELEGRAM_CHATS must both be set, or neither",
        ),
        (
            {"SECCAM_TELEGRAM_TOKEN": TOKEN, "SECCAM_TELEGRAM_CHATS": "me"},
            "SECCAM_TELEGRAM_CHATS: 'me' is no chat: a number such as 123456789 or -1001234567890, or @name",
        ),
        (
            {"SECCAM_TELEGRAM_TOKEN": "c4nary", "SECCAM_TELEGRAM_CHATS": "1"},
            "SECCAM_TELEGRAM_TOKEN: must be what @BotFather gave you: digits, a colon, and letters",
        ),
        ({"SECCAM_NTFY_TOPIC": "c4nary topic"}, "SECCAM_NTFY_TOPIC: must be 1 to 64 of A-Z, a-z, 0-9, _ and -"),
        ({"SECCAM_NTFY_URL": "ntfy.sh"}, "SECCAM_NTFY_URL: must be an http:// or https:// address without ? and #"),
        ({"SECCAM_WEBHOOK_URL": "c4nary"}, "SECCAM_WEBHOOK_URL: must be an http:// or https:// address"),
        (
            {"SECCAM_WEBHOOK_SECRET": "whsec_c4nary"},
            "SECCAM_WEBHOOK_SECRET: must be whsec_ and the base64 of at least 24 random bytes",
        ),
        (
            {"SECCAM_NTFY_TOPIC": "c4nary", "SECCAM_NTFY_QUIET_HOURS": "22:00-06:00; PH off"},
            "SECCAM_NTFY_QUIET_HOURS: public holidays (PH) need a country, in the service's setting HOLIDAYS",
        ),
        ({"SECCAM_APPRISE_URLS": "c4nary://x"}, "SECCAM_APPRISE_URLS: apprise:c4nary: no address that Apprise knows"),
        (
            {"SECCAM_NOTIFIER_TEXT": "{face} at {camera}"},
            "SECCAM_NOTIFIER_TEXT: {face} at {camera}: {face} is no placeholder; known are {camera}, {count}, {date}, {faces}, "
            "{late}, {time}, {zone}. Write {{ and }} for braces",
        ),
        (
            {"SECCAM_NOTIFIER_TEXT": "{camera.__class__}"},
            "SECCAM_NOTIFIER_TEXT: {camera.__class__}: {camera.__class__} is no placeholder; known are {camera}, {count}, {date}, "
            "{faces}, {late}, {time}, {zone}. Write {{ and }} for braces",
        ),
    ],
)
def test_wrong_settings_of_channels_are_told_in_words_and_without_secrets(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        chosen(**environ)

    assert refused.value.lines == (fault,)
